"""What readers could work out from all that they see, and whether anything of it is protected. No Airflow, no dbt."""
