#include "cli/commands.h"

namespace ecoflow {

Result<ExitCode> AreaCommand(const AreaOptions&) { return Machinery("area: not built yet"); }

}  // namespace ecoflow
