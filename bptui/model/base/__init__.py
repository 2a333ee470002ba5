"""What all rooms of the model need: errors, text, numbers as text, limits on what is read. Imports no other room."""
