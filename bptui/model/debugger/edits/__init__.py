"""What can be changed in a course of training: text becomes an Edit, which makes a branch."""
