-- A build reads who accepted a held delivery, and why: the tree of a figure keeps it as it was then.

grant select on raw.delivery_event to lagebild_builder;
