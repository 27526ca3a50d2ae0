-- A build's inputs have a number that no statistics know yet: the planner expects one delivery where there are thousands,
-- and reads whole tables once for each. Whoever fixes inputs has them counted; only the owner may analyze a table.
create function raw.count_build_input() returns void language plpgsql security definer set search_path = '' as $$
begin
    analyze raw.build_input;
end
$$;
comment on function raw.count_build_input is 'Statistics of raw.build_input, for the planner of a build that has just fixed its inputs.';
revoke all on function raw.count_build_input() from public;
grant execute on function raw.count_build_input() to lagebild_builder;
