"""SeQueRe 1.0 with partners: operations they ask for, over HTTP and OCPP DataTransfer, and updates they are sent."""
