// SPDX-License-Identifier: Apache-2.0
// Hand-off to flows: what synthesis, FPGA and package tools expect beside the RTL.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "gen/config/hw_config.h"
#include "gen/emit/emit.h"

namespace ecoflow {

// Shares of the clock period that the constraints give away.
struct TimingBudget {
  int io_percent = 30;          // outside, on either side of every port
  int uncertainty_percent = 5;  // clock skew and jitter before clock tree synthesis
};

// Adds to the bundle of GenerateRtl(config), and to the files of its manifest:
//   eco_top.sdc, eco_top.xdc   clock and I/O timing (templates in constraints/)
//   eco_top.core               FuseSoC, CAPI 2
//   Bender.yml                 Bender
//   config.mk                  OpenROAD-flow-scripts
// All of them list the RTL in the order of files.f.
Status AddHandOff(const HwConfig& config, Bundle& bundle, const TimingBudget& budget = {});

// Replaces each @KEY@ of a template. `lists`: a line that names such a key is repeated for each of
// its values. Fails (machinery) on a key that nobody knows.
using TemplateValues = std::map<std::string, std::string>;
using TemplateLists = std::map<std::string, std::vector<std::string>>;
Result<std::string> FillTemplate(const std::string& text, const std::string& name,
                                 const TemplateValues& values, const TemplateLists& lists);

}  // namespace ecoflow
