"""Operations that NumPy has too: elementwise, reductions, shapes, indices, algebra."""
