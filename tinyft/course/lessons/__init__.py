"""What only one notebook needs: chNN_name.py belongs to notebooks/NN_name.ipynb."""
