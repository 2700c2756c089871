// SPDX-License-Identifier: Apache-2.0
// Figures of network reports beside the targets of a file (targets.schema.json).
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/network_report.h"

namespace ecoflow {

struct Statistic;  // what a figure is: name, unit, how to compute it

struct Target {
  std::string workload;  // without folder and .json
  std::string dataflow = "auto", config = "ecoflow_13x15";
  int batch = 0;  // 0: as given
  const Statistic* statistic = nullptr;
  std::string kind, pass;  // empty: any
  bool floor = true;       // else a ceiling
  double bound = 0;

  // Whether one report does for both.
  bool SameRun(const Target& other) const {
    return workload == other.workload && dataflow == other.dataflow && config == other.config && batch == other.batch;
  }
};

// One for each workload and pass that an entry of the file names. `name` stands for the file in messages.
Result<std::vector<Target>> ParseTargets(const std::string& text, const std::string& name);

// Those of `targets` that name one of `workloads`, files; all without. Workloads of targets lie in `folder`.
// Fails when a file has no target.
Result<std::vector<Target>> TargetsOf(const std::vector<Target>& targets, const std::filesystem::path& folder,
                                      const std::vector<std::string>& workloads);

struct CheckedTarget {
  Target target;
  double measured = 0;
  bool pass = false;
  std::string note;  // which row, or what is wrong
};
// `report`: of the target's run. Rows that cannot run, and none at all, are misses.
CheckedTarget CheckTarget(const Target& target, const NetworkReport& report);

std::string ToText(const std::vector<CheckedTarget>& checked);
nlohmann::ordered_json ToJson(const std::vector<CheckedTarget>& checked);

}  // namespace ecoflow
