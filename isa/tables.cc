// SPDX-License-Identifier: Apache-2.0
#include "isa/tables.h"

#include "isa/array_errors.h"
#include "isa/pe_counters.h"
#include "isa/pe_image.h"

namespace ecoflow {

const std::vector<IsaTable>& IsaTables() {
  static const std::vector<IsaTable> tables = {
      {"Sizes", "Sizes that are the same in every configuration.", 0, "", {
#define ISA_SIZE(name, value, meaning) {#name, value, meaning, ""},
#include "isa/sizes.def"
      }},
      {"Destinations", "Destination of the words of a GIN beat, the same in every PE that its tag names.", 2, "", {
#define DESTINATION(name, value, meaning) {"Dest" #name, value, meaning, ""},
#include "isa/destinations.def"
      }},
      {"Range checks", "Range checks of the image (fields YKind, XKind, ZKind).", 2, "", {
#define RANGE_KIND(name, value, meaning) {"Range" #name, value, meaning, ""},
#include "isa/range_kinds.def"
      }},
      {"Configuration addresses", "Configuration addresses within a PE or an X-bus; addresses below are image words.",
       kCfgAddrBits, "", {
#define CONFIG_ADDRESS(name, value, meaning) {"Cfg" #name, value, meaning, ""},
#include "isa/config_addresses.def"
      }},
      {"Counters of a PE", "Counters of a PE, in the order in which CfgDump sends them. One of CntIssued..CntAdder counts each cycle.",
       0, "NumCounters", {
#define PE_COUNTER(name, report_name, meaning) {"Cnt" #name, kCnt##name, meaning, report_name},
#include "isa/pe_counters.def"
      }},
      {"Stats of the array", "What stat_sel_i of the array selects.", 3, "", {
#define ARRAY_STAT(name, meaning) {"Stat" #name, kStat##name, meaning, ""},
#include "isa/array_stats.def"
      }},
      {"Errors", "Errors, bits of StatErrors; each stays set until reset or clear.", 0, "NumErrors", {
#define ARRAY_ERROR(name, meaning) {"Err" #name, kErr##name, meaning, ""},
#include "isa/array_errors.def"
      }}};
  return tables;
}

}  // namespace ecoflow
