"""Published marts -> packages for reviewers. Reads schema `marts` and nothing else."""
