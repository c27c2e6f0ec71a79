"""The small display of a bay: geometry, glyphs and the panels that show them. No wording: faces come with their words."""
