"""docs/export.md and its picture: `python -m tests.export_page`."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from bptui import cli
from tests.paths import DOCS

PICTURE = DOCS / "export" / "moment.svg"
NUMBER = ("export", "darts", "grad(w)", "from", "hit")
MOMENT = ("export", "lesson-2-2-1", "moment", "backward", "layer1.a", "--to")
SHOWN = re.compile(r"\\begin\{align\*\}.*?\\end\{align\*\}", re.DOTALL)

HEAD = (Path(__file__).parent / "export_page.md").read_text(encoding="utf-8")


def said(*words: str) -> str:
    """What a command prints, without how long anything took."""
    out = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(out, encoding="utf-8")):
        assert cli.main(list(words)) == 0
        return timeless(out.getvalue().decode())


def timeless(text: str) -> str:
    """How long SymPy took, and how many ulp from 50 digits a processor is, differ from run to run."""
    return re.sub(r"[\d.]+ ulp", "0 ulp", re.sub(r"\d+ ms", "9 ms", text))


def page(folder: Path) -> str:
    """The page; LaTeX is written to a file there."""
    said(*NUMBER, "--to", str(folder / "w.tex"))
    latex = "\n".join(SHOWN.findall(timeless((folder / "w.tex").read_text(encoding="utf-8"))))
    quoted = [word if re.fullmatch(r"[\w.-]+", word) else f"'{word}'" for word in NUMBER]
    return (
        HEAD.replace("{number}", " ".join(quoted))
        .replace("{moment}", " ".join(MOMENT))
        .replace("{markdown}", said(*NUMBER).strip())
        .replace("{latex}", latex)
    )


def main() -> None:
    """Both files."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.unlink(missing_ok=True)
    with TemporaryDirectory() as folder:
        (DOCS / "export.md").write_text(page(Path(folder)), encoding="utf-8")
    said(*MOMENT, str(PICTURE))


if __name__ == "__main__":
    main()
