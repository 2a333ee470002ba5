"""The playground: settings of a network over the plane, its training, and what can be seen of both. No Textual."""
