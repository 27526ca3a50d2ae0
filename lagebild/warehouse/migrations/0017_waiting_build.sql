-- A build whose marts are checked may wait until somebody publishes it.

alter table raw.build drop constraint build_state_check;
alter table raw.build add constraint build_state_check
check (state in ('running', 'waiting', 'published', 'unchanged', 'stopped', 'overtaken'));
