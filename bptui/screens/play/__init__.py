"""The playground on the screen: network, output, loss and settings, drawn from a Frame of `bptui.teach.play.course`."""
