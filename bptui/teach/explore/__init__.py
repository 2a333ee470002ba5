"""What the explorers compute: numbers from the engine, derivatives from SymPy; how it looks is `screens/explore`."""
