"""DNN profiles from networks of one's own: the captured graph, cut points, counts, exits.

:func:`~splitgym.profiling.torch_graph.capture_module` captures, and
:func:`~splitgym.profiling.structure.structure_of` finds cuts and exits and runs the network up to a cut and from it.
"""
