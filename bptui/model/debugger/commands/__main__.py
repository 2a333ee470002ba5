"""`python -m bptui.model.debugger.commands > docs/keys.md`"""

from bptui.model.debugger.commands.help import markdown

print(markdown(), end="")
