"""The web server: check-in page, own page, board, twin panel, status. Floor 3: asks the runner, renders views."""
