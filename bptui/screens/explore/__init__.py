"""The explorers on the screen: boards over what bptui.teach.explore computes."""
