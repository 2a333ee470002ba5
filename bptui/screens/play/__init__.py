"""The playground on the screen: a board over what bptui.teach.play computes."""
