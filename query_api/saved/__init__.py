"""What people keep in the dashboard: pages of charts, and links to show them."""
