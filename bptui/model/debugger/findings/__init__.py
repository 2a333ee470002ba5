"""What is wrong with a network's training, which number says so, and what would help: tried, not advised.

`diagnose` asks the rules (`rules.RULES`, a row each, in files of their families) about a Subject: a network and the
training steps that were looked at. Each rule gives Findings; `ranking` puts the cause first and folds into it what
follows from it; `trial` runs the remedies.
"""
