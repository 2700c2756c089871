// SPDX-License-Identifier: Apache-2.0
// What has to go when the program is stopped from outside, and how it goes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>

namespace ecoflow {

// From here on SIGINT, SIGTERM and SIGHUP (those that are not ignored) end child processes with
// all that they started, remove temporary files and folders, and then end the program as the
// signal by itself would have (a shell sees 128 + its number). To be called once, at the start of
// main, before any other thread exists. Writing to a closed pipe or beyond a size limit is an
// error of the write from here on, not a signal.
void HandleSignals();

// Whether such a signal came.
bool StopRequested();

// While one of these exists the first signal only sets StopRequested(): its owner looks at that
// often, finishes what must be finished, and calls EndIfStopRequested(). A second signal ends the
// program at once.
class StopsInOrder {
 public:
  StopsInOrder();
  ~StopsInOrder();
  StopsInOrder(const StopsInOrder&) = delete;
  StopsInOrder& operator=(const StopsInOrder&) = delete;
};
void EndIfStopRequested();

// Files and folders that a signal removes: from the moment in which `create` makes one (and returns
// true) until it is dropped, after it was removed or renamed.
bool CreateTemporary(const std::filesystem::path& path, const std::function<bool()>& create);
void DropTemporary(const std::filesystem::path& path);

// Process groups that a signal ends: from the moment in which `start` starts one and returns its
// number (<= 0: it did not) until it is dropped, after it was waited for.
pid_t StartChild(const std::function<pid_t()>& start);
void DropChild(pid_t group);

}  // namespace ecoflow
