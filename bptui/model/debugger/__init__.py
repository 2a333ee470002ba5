"""What a front end drives: a Session and the commands that move it."""
