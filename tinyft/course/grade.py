"""grade() in a notebook cell: the exercises graded as `tinyft grade` does, as a table.

`from tinyft.course import grade`, then grade("09_l2sp") for a chapter and
grade("09_l2sp/closed_form") for one task.
"""

from tinyft.course.check import in_notebook


def grade(*names, student=""):
    """Grade the learner's files; show a table in a notebook, text elsewhere.

    names: CHAPTER or CHAPTER/TASK, none means all.  student: ID from which the data are
    drawn.  Remembers the scores as `tinyft grade` does.  Returns None.
    """
    from tinyft.grading.classroom import report
    from tinyft.grading.learner import loop

    found = loop.grade(names, student)
    if in_notebook():
        from IPython.display import display

        text = report.as_plain(found)
        display({"text/html": report.as_html(found), "text/plain": text}, raw=True)
    else:
        print(report.as_plain(found), flush=True)
