"""What chapter 30 needs: ranks in one process, a ring that counts, real ranks."""
