// SPDX-License-Identifier: Apache-2.0
// Network reports as text, JSON, CSV and one HTML page with charts (no network access needed).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/network_report.h"

namespace ecoflow {

// The table of one network, without summary.
std::string ToText(const NetworkReport& report);
nlohmann::ordered_json ToJson(const NetworkReport& report);

// All of them, with the summary (but for CSV). The JSON of a single one is its own with `summary` in it.
std::string ToText(const std::vector<NetworkReport>& reports);
nlohmann::ordered_json ToJson(const std::vector<NetworkReport>& reports);
std::string ToCsv(const std::vector<NetworkReport>& reports);
std::string ToHtml(const std::vector<NetworkReport>& reports);

}  // namespace ecoflow
