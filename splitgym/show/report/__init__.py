"""The evaluation report: one self-contained page, and its figures as files for a paper.  Needs the extra ``report``.

``figures`` and ``behaviour`` describe each figure once, as panels of ``marks``; ``interactive`` draws marks for the
page, ``paper`` for files.  ``replay`` plays again what a figure needs; ``tables`` and ``page`` make the document.
"""
