"""Operations that walk along a sequence, a whole sequence as one Function."""
