// SPDX-License-Identifier: Apache-2.0
#include "report/network_report.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <mutex>

#include "base/text.h"
#include "choose/choose.h"
#include "compiler/dataflow/direct.h"
#include "report/baseline_report.h"
#include "report/baselines.h"
#include "report/kinds.h"

namespace ecoflow {
namespace {

int64_t Issued(const CycleCounts& counts) {
  int64_t issued = 0;
  for (const auto& pe : counts.pe) issued += pe[kCntIssued];
  return issued;
}

void FindBound(ReportRow& row, const HwConfig& hw) {
  const auto cycles = static_cast<double>(row.cycles);
  const auto used = [&](int64_t count, int64_t a_cycle) {
    return static_cast<double>(count) / (cycles * static_cast<double>(a_cycle));
  };
  const std::pair<const char*, double> resources[] = {
      {"PEs", used(row.issued_macs, hw.pe_count())},
      {"GIN wide", used(row.wide_words, hw.wide_lanes())},
      {"GIN narrow", used(row.narrow_words, hw.narrow_lanes())},
      {"GON", used(row.gon_words, hw.gon_lanes())}};
  const auto* most = std::max_element(std::begin(resources), std::end(resources),
                                      [](const auto& a, const auto& b) { return a.second < b.second; });
  row.bound_by = most->first;
  row.bound_share = most->second;
}

// Of this thread alone: rows that run beside it do not count.
double ThreadSeconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

ReportRow MakeRow(const HwConfig& hw, const Layer& layer, Pass pass, const ReportOptions& options) {
  ReportRow row;
  row.layer = layer.name;
  row.op = ToString(layer.op);
  row.pass = ToString(pass);
  row.kinds = KindsOf(layer, pass);
  const double begin = ThreadSeconds();
  const auto chosen = Choose(hw, layer, pass, options.dataflow, options.objective);
  row.seconds = ThreadSeconds() - begin;
  if (!chosen.ok()) {
    row.error = Printable(chosen.error().message);
    return row;
  }
  const ChosenLayer& p = chosen.value();
  row.estimate = p.compiled.mapping.value("estimated_cycles", int64_t{0});
  row.family = p.compiled.mapping.at("family");
  row.macs = p.compiled.useful_macs;
  row.cycles = p.counts.cycles;
  row.roofline_cycles = row.macs == 0 ? 0 : RooflineCycles(p.compiled);
  row.issued_macs = Issued(p.counts);
  row.wide_words = p.counts.wide_words;
  row.narrow_words = p.counts.narrow_words;
  row.gon_words = p.counts.gon_words;
  for (const auto& pe : p.counts.pe) {
    row.local_words += pe[kCntLocalWords];
    row.pe_share.push_back(ReportRow::Share(pe[kCntIssued], row.cycles));
  }
  FindBound(row, hw);
  if (!options.baselines) return row;

  row.lowered = Lowered(MakePaddedProblem(layer, pass), hw).cycles();
  if (options.dataflow == "row-stationary" && options.objective == "cycles") {
    row.row_stationary = row.cycles;
    row.row_stationary_share = ReportRow::Share(row.issued_macs, row.cycles * hw.pe_count());
  } else if (const auto rows = Choose(hw, layer, pass, "row-stationary", "cycles"); rows.ok()) {
    row.row_stationary = rows.value().counts.cycles;
    row.row_stationary_share =
        ReportRow::Share(Issued(rows.value().counts), row.row_stationary * hw.pe_count());
  }
  row.ganax = row.row_stationary;
  if (const std::string stand_in = GanaxStandIn(layer.op, pass); stand_in == "ecoflow") {
    if (options.dataflow == stand_in && options.objective == "cycles") {
      row.ganax = row.cycles;
    } else if (const auto zero_free = Choose(hw, layer, pass, stand_in, "cycles"); zero_free.ok()) {
      row.ganax = zero_free.value().counts.cycles;
    }
  }
  return row;
}

// BeginCompile knows all names; a layer of one element asks for little else.
Status CheckNames(const ReportRequest& request) {
  const auto begun = BeginCompile(request.config, Layer(), Pass::kForward, request.options.dataflow,
                                  request.options.objective);
  return begun.ok() ? Status() : begun.error();
}

}  // namespace

std::size_t NetworkReport::Failed() const {
  return static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const ReportRow& row) { return !row.error.empty(); }));
}

int64_t NetworkReport::TotalCycles() const {
  int64_t total = 0;
  for (const ReportRow& row : rows) total += row.cycles;
  return total;
}

double NetworkReport::MeanRooflineFraction() const {
  double logs = 0;
  int64_t count = 0;
  for (const ReportRow& row : rows) {
    if (row.macs == 0) continue;
    logs += std::log(row.RooflineFraction());
    ++count;
  }
  return count == 0 ? 0 : std::exp(logs / static_cast<double>(count));
}

Result<std::vector<NetworkReport>> ReportNetworks(const std::vector<ReportRequest>& requests, int jobs,
                                                  const ReportProgress& progress) {
  struct Task {
    const ReportRequest* request;
    const Layer* layer;
    Pass pass;
    ReportRow* row;
  };
  std::vector<NetworkReport> reports(requests.size());
  std::vector<Task> tasks;
  for (std::size_t k = 0; k < requests.size(); ++k) {
    const ReportRequest& request = requests[k];
    NetworkReport& report = reports[k];
    report.network = request.network;
    report.dataflow = request.options.dataflow;
    report.config = request.config;
    report.batch = request.batch;
    report.baselines = request.options.baselines;
    report.rows.resize(request.layers.size() * request.options.passes.size());
    ReportRow* row = report.rows.data();
    for (const Layer& layer : request.layers) {
      for (const Pass pass : request.options.passes) tasks.push_back({&request, &layer, pass, row++});
    }
    // An unknown name is a mistake of the caller, no property of a row.
    ECO_RETURN_IF_ERROR(CheckNames(request));
  }

  std::mutex mutex;
  std::size_t done = 0;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t at = next++; at < tasks.size(); at = next++) {
      const auto& [request, layer, pass, row] = tasks[at];
      if (progress) {
        const std::lock_guard lock(mutex);
        progress(done, tasks.size(), fmt::format("{} {}", Printable(layer->name), ToString(pass)));
      }
      *row = MakeRow(request->config, *layer, pass, request->options);
      const std::lock_guard lock(mutex);
      ++done;
    }
  };
  std::vector<std::future<void>> threads;
  for (int k = 1; k < jobs && static_cast<std::size_t>(k) < tasks.size(); ++k) {
    threads.push_back(std::async(std::launch::async, work));
  }
  work();
  for (auto& thread : threads) thread.get();  // throws what the thread threw
  return reports;
}

Result<NetworkReport> ReportNetwork(const std::string& network, const std::vector<Layer>& layers,
                                    const HwConfig& config, const ReportOptions& options) {
  ECO_ASSIGN(auto reports, ReportNetworks({{network, layers, config, options}}));
  return std::move(reports.front());
}

}  // namespace ecoflow
