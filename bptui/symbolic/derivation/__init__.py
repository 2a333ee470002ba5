"""A derivation on paper: of one number, of a Moment, of a training step. What it says is a Document of cards; the
writers (`text`, `markdown`, `latex`; SVG is the screen's) only write it down."""
