"""A lesson for a class (`bptui learn 4 --present`): a page is one question on the whole screen, turned by a clicker."""

from __future__ import annotations

from bptui.model.base.prose import wrap
from bptui.model.debugger.reply import Reply, say
from bptui.model.debugger.session import Session
from bptui.screens.lesson import LessonScreen
from bptui.screens.reading import Reading
from bptui.screens.theme import Theme
from bptui.teach.course import Course
from bptui.teach.lesson import Front
from bptui.teach.progress import Progress


class ClassLesson(LessonScreen):
    """The pages of a lesson in present mode, from the first one on. How far a reader has come is not touched."""

    def __init__(self, title: str, front: Front, theme: Theme, unicode: bool = True) -> None:
        super().__init__(title, front, Progress(None), theme, unicode)

    def _take(self, course: Course) -> None:
        super()._take(course)
        if (session := course.session) is not None:
            view = session.view
            view.close()
            view.present, view.topic = True, "lesson"
            view.asks = self.reading is not None and self.reading.open

    def _of_page(self, reading: Reading, key: str) -> bool:
        """What is read alone has keys that a class has not."""
        return False

    def _last_page(self, session: Session) -> bool:
        """Is it the last page of the lesson?"""
        reading = self.reading
        return reading is None or reading.course.number + 1 == len(reading.course.lesson.pages)

    def _read_on(self, course: Course) -> None:
        """All of what the page shows a part of: of its explanation a sentence, of a page without a question the end."""
        if course.state in ("asked", "not yet"):
            self.say(say("the explanation comes with the answer"))
            return
        blocks = course.opens() if course.question is None else course.explains()
        rows = [part for block in blocks for row in ((), *block) for part in wrap(row, max(1, self.size.width - 3))]
        self.say(Reply(tuple(rows[1:])) if rows else say("there is no more to read"))

    def _present(self, word: str, key: str) -> None:
        reading, session = self.reading, self.session
        if reading is None or session is None:
            return
        course = reading.course
        if word == "leave":
            self.autoplay.stop()
            self.leave()
        elif word == "class":
            super()._present(word, key)
        elif word == "more":
            self._read_on(course)
        elif word == "next" and reading.open:
            course.show()
            self._done_with()
            self.changed()
        elif word == "next" and self._last_page(session):
            self.say(say("that was the last page; esc leaves"))
        elif word == "next":
            self._then(course.next)
        else:
            self._then(course.ask_again if course.state in ("right", "shown") else course.back)
