"""What each part does alone; a module for each."""
