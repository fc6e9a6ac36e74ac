"""What is answered over HTTP: GitHub's deliveries, the state of the service, the guideline, and the set-up page."""
