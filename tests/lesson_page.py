"""docs/lesson-format.md: `python -m tests.lesson_page > docs/lesson-format.md`."""

from __future__ import annotations

from bptui.teach import reading, sheet
from bptui.teach.costs import NAMES
from bptui.teach.directives import ALSO, GROUPS, MOST, OWN, WIDE
from bptui.teach.judging import DIGITS, NEAR

OWN_LESSON = """\
+++
title = "Two numbers"
+++

# Two numbers

## One weight
::open eval "L = (y - w*x)**2" x=2 y=2 w=0.5 --train w --lr 0.1
::goto forward L
::stage operation

The network says `w`·`x` and should say `= y to 0`. The loss is `= L to 2`.

::ask number grad(w)
What is `∂L/∂w`?
- = grad(w)/2 : The 2 of the square stays: nothing cancels it here.
> -2·`x`·(`y` - `w`·`x`)

::goto backward

Negative: when `w` grows, the loss falls.

## Does it help?
::goto end

::ask choice
After one step the loss is
- [x] smaller
- [ ] larger
  > The step goes against the gradient.

::goto step 1 forward L

It is `= L to 4`.
"""
"""The lesson of the page; a test opens, checks and answers it."""

HEAD = f"""\
# The format of lessons

Made from `bptui/teach/directives.py` by `python -m tests.lesson_page > docs/lesson-format.md`; a test compares,
and walks the lesson below.

A lesson is a Markdown file that reads well as it is. `bptui learn FILE.md` opens it beside the debugger;
`--check` walks it without a screen (every directive, number and height of a page, exit 1 with the lines),
`--export` prints it with its numbers filled in, `--worksheet` prints its questions with blanks.
`bptui/lessons/` has the ones that bptui brings.

## A lesson of your own in ten minutes

Write this into `mine.md`:

````markdown
{OWN_LESSON.rstrip()}
````

    $ bptui learn mine.md --check
    mine.md: 2 pages, nothing wrong

1. The lines between the two `+++` are TOML; only `title` is needed.
2. Each `## ` begins a page, `::open` a network: an example (`bptui examples`), a file beside the lesson, or a formula.
3. Never type a number that the network computes: `` `= EXPR` `` has it, and stays right when you change a weight.
4. Ask before you tell: what stands after the question is shown when it is answered.
5. Name the wrong answers that you have met, each with a reason that says what was computed instead.

## Grammar

```text
lesson    = front title page+
front     = "+++" TOML "+++"
title     = "# " text
page      = "## " text block*         a block ends at an empty line; one question a page
block     = paragraph | "- " item* | fenced code | directive | question
directive = "::" word argument*       alone on its line, from the first column
question  = "::ask number" EXPR NL text  own*    hint*      own    = "- = " EXPR " : " reason
          | "::ask choice"      NL text  option+ hint*      option = "- [x] " or "- [ ] " text, then "  > " reason
hint      = "> " text                 one line each, shown one after the other
```

A page's title has at most {reading.TITLE} characters, a page {sheet.HEIGHT} rows of {sheet.WIDTH} columns (with its
question, and again with what follows the answer). Under a stage that takes the whole width ({" ".join(WIDE)})
it has {sheet.PROSE} rows of {sheet.STRIP - 2} columns, before the answer and after it, one row for the question and one
for the answers. A lesson has at most {reading.MAX_PAGES} pages and {reading.MAX_BYTES // 2**20} MB. A wrong option
needs its reason, which may go on in a second line like it.
"""

INLINE = f"""
## In the text

| write | it is |
|---|---|
| `` `= EXPR` `` | the number in the colour of its kind, as the panels write it |
| `` `= EXPR to N` `` | the same with N decimals |
| `` `layer1.a` ``, `` `a[0]` ``, `` `∂L/∂z` `` | a symbol in the colour of its kind |
| `*stress*`, `**term**` | stress; a term where it is explained |

Expressions are the debugger's ([expressions.md](expressions.md)), and beside them `new(NAME)`, a parameter
after this training step's update; {", ".join(f"`{name}`" for name in NAMES)}, what
a step costs (in µs, or counted); and the names that `::let` has kept. A parameter's own name is what it was
before the update, at every moment. What the moment has not computed yet is taken as it will be in this training
step, so that a page may ask before it shows. Before the answer a number that is asked or hidden is ` ? ` in the
text, too. Numbers before the question are those of the moment at which the page opened; numbers after it are
those after the directives that follow it.
"""

WHEN = f"""
Directives before a question run when the page opens, those after it when it is answered. A page opens following
the moment: nothing is selected, the derivative's input is the first, the view that of operations, with
gradients also in a branch (`::diff column` has changes in their place); `::hide` and `::wait` hold for their
page, the stage until another one is set. What a page shows depends on the lesson and the page alone: the
directives since the last `::open` are carried out again in a fresh session, so that turning back is exact. A
directive that fails is told on the page, and the prose goes on.

No file is written and no program is run: `write`, `source`, `quit`, `copy` and the like are refused.

## How an answer is judged

Typed is a number (`-0.0244`, `−` too) or a formula of the debugger's language without the asked name. It is
right where it is the right number rounded to the digits typed ({DIGITS} significant ones at least, unless it is
exact), or within {NEAR:.1%}, and no wrong answer that the lesson names is nearer. Else the first that fits says
what was computed instead: the lesson's own lines, then the general ones, which are computed from the network:

"""

AFTER = """
Two of these that are the same number here are both left out, for each would be a guess; `--check` says so where
they are the lesson's own. Where nothing fits it is *not yet*, with the first hint.

## What is wrong is told at once

Every error is a line, `FILE:LINE: directive: what (what would be right)`, all of a file together; a lesson with
an error of form or of names does not open. `--check` walks further: what fails when it is carried out, pages
that are too high, numbers that are typed and none of the page's, equations that a calculator would not give as
they are printed, wrong answers that are right, text that tells what it asks.
"""


def page() -> str:
    """The page, from the tables."""
    from bptui.teach.slips import ABOUT

    front = "".join(f"| `{name}` | {key.doc} |\n" for name, key in reading.FRONT.items())
    rows = "".join(
        f"| `::{f'{word} {row.usage}'.strip().replace('|', chr(92) + '|')}` | {row.about} |\n"
        for word, row in OWN.items()
    )
    groups = ", ".join(GROUPS[:-1])
    return (
        f"{HEAD}\n## Front\n\n| key | it is |\n|---|---|\n{front}{INLINE}"
        f"\n## Directives\n\n| directive | does |\n|---|---|\n{rows}\n"
        f"And any command of the groups {groups} and {GROUPS[-1]} in [keys.md](keys.md) that the front end does not\n"
        f"do itself, {' and '.join(f'`{word}`' for word in ALSO)}: `::goto backward layer2.z` `::select a[0,1]` "
        f"`::set lr = 0.5` `::nudge`\n`::train 10` `::undo` `::view neurons`, {MOST:,} steps far at most.\n{WHEN}"
        + "".join(f"- {about}\n" for about in ABOUT)
        + AFTER
    )


if __name__ == "__main__":
    print(page(), end="")
