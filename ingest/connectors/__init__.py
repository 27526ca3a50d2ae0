"""What asks other people's services: hosts, access, HTTP, GENESIS, and a server that replays recorded answers."""
