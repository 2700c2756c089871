// SPDX-License-Identifier: Apache-2.0
// The RTL generator: a hardware configuration becomes SystemVerilog, file list and manifest.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/result.h"
#include "gen/config/hw_config.h"

namespace ecoflow {

// Text of rtl/eco_pkg.sv: the constants of isa/. The file is kept with the other modules, so that RTL can be
// read without running a program first.
std::string ConstantsPackage();

// Every file of the bundle by its name relative to the output folder. Hand-written modules are
// copied from rtl/, in words that every tool knows; generated are
//   eco_top.sv          the configured array: parameters and one instance
//   eco_image_pkg.sv    fields of the PE image
//   ecoflow_params.h    the same widths for C++ testbenches
//   files.f             what a tool has to read, in order, names relative to its folder; lint waivers,
//                       which are empty to other tools than Verilator, come first
//   manifest.json       ports, widths, ID counts, memories, configuration and its hash
//   config.json         the effective configuration
// The same configuration gives the same bytes.
using Bundle = std::map<std::string, std::string>;
Result<Bundle> GenerateRtl(const HwConfig& config);

// Writes a bundle below `folder`.
Status WriteBundle(const Bundle& bundle, const std::filesystem::path& folder);

}  // namespace ecoflow
