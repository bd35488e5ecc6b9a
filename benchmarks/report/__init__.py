"""A run as a report: Markdown, HTML, pictures, and the page in the documentation."""
