#include "cli/command.hpp"

namespace dnscache::cli {

// Each is defined in cli/commands/, mostly in the file of its name.
extern const Command bench_command, cache_command, cache_dump_command, cache_flush_command,
    cache_get_command, cache_list_command, cache_load_command, check_command, complete_command,
    completion_command, config_command, config_edit_command, config_get_command, config_set_command,
    config_unset_command, doctor_command, explain_command, flush_command, help_command,
    import_command, logs_command, man_settings_command, monitor_command, overview_command,
    pause_command, query_command, recover_command, reload_command, remove_command, restart_command,
    resume_command, run_command, schema_command, serve_command, setup_command, source_command,
    status_command, stop_command, support_command, template_command, top_command, version_command;

const std::vector<CommandGroup>& command_groups() {
  static const std::vector<CommandGroup> groups = {
      {"Set up this machine", {&setup_command, &remove_command, &recover_command}},
      {"See how lookups fare",
       {&status_command, &doctor_command, &query_command, &explain_command, &monitor_command,
        &top_command, &bench_command, &logs_command}},
      {"Run the cache",
       {&restart_command, &stop_command, &pause_command, &resume_command, &reload_command,
        &serve_command, &run_command}},
      {"Configure it",
       {&config_command, &config_get_command, &config_set_command, &config_unset_command,
        &config_edit_command, &check_command, &import_command, &schema_command}},
      {"Look into the cache",
       {&flush_command, &cache_command, &cache_list_command, &cache_get_command,
        &cache_flush_command, &cache_dump_command, &cache_load_command}},
      {"Print files and help",
       {&template_command, &support_command, &completion_command, &help_command, &version_command}},
      {"", {&complete_command, &man_settings_command, &overview_command, &source_command}},
  };
  return groups;
}

}  // namespace dnscache::cli
