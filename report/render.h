// SPDX-License-Identifier: Apache-2.0
// A network report as text, JSON, CSV and one HTML page with charts (no network access needed).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "report/network_report.h"

namespace ecoflow {

std::string ToText(const NetworkReport& report);
nlohmann::ordered_json ToJson(const NetworkReport& report);
std::string ToCsv(const NetworkReport& report);
std::string ToHtml(const NetworkReport& report);

}  // namespace ecoflow
