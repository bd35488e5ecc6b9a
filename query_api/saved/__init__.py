"""What people keep by name: pages of charts, and links to show them; and where the project keeps such things."""
