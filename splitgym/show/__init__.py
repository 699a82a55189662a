"""Everything that is shown: the only part of the package that draws, and the only one that no figure depends on.

=========================================  ==========================================================================
module                                     what it holds
=========================================  ==========================================================================
``palette``, ``board``, ``words``          colours, the drawing board of the worlds' pictures, quantities in short words
``viewer``, ``parts``                      what the viewers of all worlds share
``inference`` and the other worlds         a world's story, its text and its picture, for ``render``
``comparison``, ``suite``, ``stability``   tables and figures of results
``sweep_table``, ``sweep_figure``          tables and figures of a sweep
``tables``                                 any table: framed, in plain text, as Markdown, folded for a narrow terminal
``front``, ``plan``, ``plan_network``      pictures of a Pareto front and of a placement
``report``                                 the page of ``splitgym report``
=========================================  ==========================================================================

Results and worlds name what draws them by a text (:func:`splitgym.lazily.drawn`, ``World.figure``), so
nothing that computes imports this package, and no drawing library is loaded before somebody looks.
"""
