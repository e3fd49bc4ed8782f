"""For instructors: releases, folders of submissions, reports, item statistics."""
