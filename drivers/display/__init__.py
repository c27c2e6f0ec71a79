"""The small display of a bay: geometry, signs and the panels that show them. Faces come with their words."""
