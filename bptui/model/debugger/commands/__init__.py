"""The commands of the debugger: a row beside its function, a file per family; `registry` has them all."""
