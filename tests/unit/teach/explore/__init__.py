"""What the explorers compute."""
