// SPDX-License-Identifier: Apache-2.0
// The program as a user calls it: exit status, one line of error, nothing left behind; contract
// of --json; compile then run --image.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/bf16.h"
#include "base/files.h"
#include "base/process.h"
#include "tb/run/npy.h"
#include "tests/e2e/fst_reader.h"

namespace ecoflow {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Outcome {
  int status = -1;
  std::string out, err;
};

class CliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() /
              (std::string("ecoflow_cli_") + ::testing::UnitTest::GetInstance()->current_test_info()->name() + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Write("layer.json", R"({"name": "l", "op": "Conv", "input": [1, 2, 7, 7], "output_channels": 3,
                            "kernel_shape": [3, 3], "strides": [2, 2]})");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void Write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(WriteFileAtomically(folder_ / name, text).ok());
  }
  // int16 .npy with zeros.
  void WriteTensor(const std::string& name, const std::array<int64_t, 4>& shape) const {
    const auto elements = static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]);
    std::string content = NpyContent({}, false, shape);
    content.replace(content.find("<i4"), 3, "<i2");
    content.append(2 * elements, '\0');
    Write(name, content);
  }
  // `before`: words of the shell before the program's name (variables, limits).
  Outcome Ecoflow(const std::string& arguments, const std::string& before = "") const {
    Outcome o;
    const std::string command = "cd " + folder_.string() + " && { " + before + " " ECOFLOW_BINARY " " +
                                arguments + "; } > stdout.txt 2> stderr.txt < /dev/null";
    const int status = std::system(command.c_str());
    o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    o.out = ReadFile(folder_ / "stdout.txt").value();
    o.err = ReadFile(folder_ / "stderr.txt").value();
    fs::remove(folder_ / "stdout.txt");
    fs::remove(folder_ / "stderr.txt");
    return o;
  }
  // Starts the program in the folder without a shell; its process.
  pid_t Start(std::vector<std::string> arguments,
              const std::vector<std::pair<std::string, std::string>>& environment = {}) const {
    arguments.insert(arguments.begin(), ECOFLOW_BINARY);
    std::vector<char*> words;
    for (std::string& word : arguments) words.push_back(word.data());
    words.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (::chdir(folder_.c_str()) != 0) ::_exit(99);
    const int out = ::open("stdout.txt", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(words[0], words.data());
    ::_exit(99);
  }
  static int Wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
  }
  // Waits (a minute at most) until `true_now` is.
  template <typename Condition>
  static bool Becomes(Condition true_now) {
    for (int k = 0; k < 1200; ++k) {
      if (true_now()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }
  // Processes that work in a folder below this one.
  int ProcessesBelow(const fs::path& folder) const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      std::error_code ec;
      const std::string where = fs::read_symlink(entry.path() / "cwd", ec).string();
      count += !ec && where.starts_with(folder.string() + "/");
    }
    return count;
  }
  // An array that no other test has.
  void WriteConfig(const std::string& name, int rows, int columns) const {
    json hw = json::parse(ReadFile(SourceRoot() / "gen/configs/ecoflow_4x4.json").value());
    hw["array"] = {{"rows", rows}, {"columns", columns}};
    hw["name"] = "other";
    Write(name, hw.dump());
  }
  std::size_t Files() const {
    return static_cast<std::size_t>(std::distance(fs::recursive_directory_iterator(folder_), {}));
  }
  // Bad input: exit 2, exactly this line, no output, no new file.
  void ExpectRefused(const std::string& arguments, const std::string& message) const {
    const std::size_t before = Files();
    const Outcome o = Ecoflow(arguments);
    EXPECT_EQ(o.status, 2) << arguments;
    EXPECT_EQ(o.err, "ecoflow: " + message + "\n") << arguments;
    EXPECT_EQ(o.out, "") << arguments;
    EXPECT_EQ(Files(), before) << arguments;
  }

  fs::path folder_;
};

constexpr const char* kRun = "run layer.json --pass input-grad --config ecoflow_4x4 ";

TEST_F(CliTest, RunComparesAndReportsTheContractsFields) {
  const Outcome o = Ecoflow(std::string(kRun) + "--json r.json --output o.npy --seed 5");
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(o.err, "");  // progress only on a terminal
  EXPECT_NE(o.out.find("match: true"), std::string::npos);
  const json r = json::parse(ReadFile(folder_ / "r.json").value());
  for (const char* key : {"layer", "pass", "dataflow", "config", "match", "mismatches", "cycles",
                          "config_cycles", "useful_macs", "issued_macs", "gated_macs", "pe_count",
                          "utilization", "roofline_cycles", "roofline_fraction", "passes",
                          "stall_cycles", "words", "image_bytes", "mapping", "sim_seconds", "sim_khz"}) {
    EXPECT_TRUE(r.contains(key)) << key;
  }
  for (const char* key : {"gin_wide", "gin_narrow", "gon", "local"}) EXPECT_TRUE(r["words"].contains(key));
  EXPECT_EQ(r["match"], true);
  EXPECT_EQ(r["useful_macs"], 3 * 3 * 9 * 2 * 3);
  EXPECT_EQ(r["issued_macs"], r["useful_macs"]);
  int64_t sum = r["issued_macs"];
  for (const auto& [cause, count] : r["stall_cycles"].items()) sum += count.get<int64_t>();
  EXPECT_EQ(sum, r["cycles"].get<int64_t>() * 16);
  // 486 MACs / 16; words (27 errors + 54 weights) / 7; 98 results / 2.
  EXPECT_EQ(r["roofline_cycles"], 49);
  EXPECT_EQ(fs::file_size(folder_ / "o.npy"), 128u + 4 * 98);
}

// One array for all of them, cleared in between: the reports are those of separate runs.
TEST_F(CliTest, LayersRunOneAfterTheOther) {
  Write("net.json", R"({"name": "net", "layers": [
    {"name": "a", "op": "Conv", "input": [1, 2, 7, 7], "output_channels": 3, "kernel_shape": [3, 3], "strides": [2, 2]},
    {"name": "b", "op": "ConvTranspose", "input": [1, 4, 3, 5], "output_channels": 2, "kernel_shape": [3, 1]},
    {"name": "c", "op": "Conv", "input": [2, 5, 6, 4], "output_channels": 7, "kernel_shape": [1, 2]}]})");
  const std::string rest = "--pass input-grad --config ecoflow_4x4 --assert ";
  for (const std::string stall : {"", "--stall 0.4 "}) {
    const auto report = [&](const std::string& layers) {
      const Outcome o = Ecoflow("run net.json " + layers + rest + stall + "--json r.json");
      EXPECT_EQ(o.status, 0) << o.err;
      json reports = json::parse(ReadFile(folder_ / "r.json").value());
      if (!reports.is_array()) reports = json::array({reports});
      for (json& one : reports) one.erase("sim_seconds"), one.erase("sim_khz");
      return reports;
    };
    std::map<std::string, json> single;
    for (const std::string name : {"a", "b", "c"}) single[name] = report("--layer " + name + " ").at(0);
    EXPECT_EQ(report(""), json::array({single["a"], single["b"], single["c"]}));
    EXPECT_EQ(report("--layer c --layer a --layer c "), json::array({single["c"], single["a"], single["c"]}));
  }
  const Outcome o = Ecoflow("run net.json " + rest + "--trace t.fst");
  ASSERT_EQ(o.status, 0) << o.err;
  for (const char* name : {"a", "b", "c"}) EXPECT_NE(o.out.find("input-grad of " + std::string(name) + ","), std::string::npos) << o.out;
  EXPECT_GT(fs::file_size(folder_ / "t.fst"), 1000u);
  ExpectRefused("run net.json " + rest + "--output o.npy", "--output: is of one layer, and 3 are to run: --layer NAME picks one");
  ExpectRefused("run net.json --layer a --layer d " + rest, "--layer d: not in net.json, expected one of a, b, c");
  ExpectRefused("predict net.json --pass forward --config ecoflow_4x4", "net.json: holds 3 layers, expected --layer NAME to pick one");
}

// What the cycle model says of counters that are too narrow, the array says.
TEST_F(CliTest, CountersThatWrapAreReported) {
  json hw = json::parse(ReadFile(SourceRoot() / "gen/configs/ecoflow_4x4.json").value());
  hw["name"] = "narrow";
  hw["pe"]["counter_bits"] = 8;
  Write("narrow.json", hw.dump());
  const std::string error = "ecoflow: the run ended with errors; the array says: a counter of a PE has wrapped\n";
  for (const char* command : {"run", "predict"}) {
    const Outcome o = Ecoflow(std::string(command) + " layer.json --pass input-grad --config narrow.json --batch 4");
    EXPECT_EQ(o.status, 3);
    EXPECT_EQ(o.err, error);
    EXPECT_EQ(o.out, "");
  }
}

TEST_F(CliTest, EveryPassRunsUnderEveryDataflow) {
  for (const char* pass : {"forward", "input-grad", "filter-grad"}) {
    for (const char* dataflow : {"ecoflow", "row-stationary", "auto"}) {
      const Outcome o = Ecoflow(std::string("run layer.json --config ecoflow_4x4 --json r.json --pass ") +
                                pass + " --dataflow " + dataflow);
      ASSERT_EQ(o.status, 0) << o.err;
      const json r = json::parse(ReadFile(folder_ / "r.json").value());
      EXPECT_EQ(r["dataflow"], dataflow);
      EXPECT_EQ(r["useful_macs"], 3 * 3 * 9 * 2 * 3);
      if (std::string(dataflow) == "ecoflow") {
        EXPECT_EQ(r["issued_macs"], r["useful_macs"]) << pass;
      }
      if (std::string(dataflow) == "row-stationary") {
        // Forward: no zero. The others: 7x7 gradients of 3x3, 3x3 ones of 5x5 (Sec. 3.1).
        const int padded = std::string(pass) == "forward"      ? 3 * 3 * 9
                           : std::string(pass) == "input-grad" ? 7 * 7 * 9 : 3 * 3 * 25;
        EXPECT_EQ(r["issued_macs"], padded * 2 * 3) << pass;
        EXPECT_GE(r["gated_macs"].get<int64_t>(), (padded - 81) * 2 * 3) << pass;
      }
    }
  }
}

TEST_F(CliTest, ReportWritesAllForms) {
  const Outcome o = Ecoflow("report layer.json --config ecoflow_4x4 --json r.json --csv r.csv --html r.html");
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("total"), std::string::npos);
  EXPECT_EQ(json::parse(ReadFile(folder_ / "r.json").value())["rows"].size(), 3u);
  EXPECT_TRUE(fs::exists(folder_ / "r.csv"));
  EXPECT_EQ(ReadFile(folder_ / "r.html").value().rfind("<!DOCTYPE html>", 0), 0u);
  ExpectRefused("report layer.json --html no/r.html", "--html no/r.html: folder no does not exist");
  ExpectRefused("report none.json", "none.json: cannot be read: No such file or directory");
}

TEST_F(CliTest, ReportTakesSeveralWorkloads) {
  Write("other.json", R"({"name": "o", "op": "ConvTranspose", "input": [1, 2, 4, 4], "output_channels": 3,
                          "kernel_shape": [3, 3], "strides": [2, 2]})");
  const std::string both = "report layer.json other.json --config ecoflow_4x4 ";
  const Outcome one = Ecoflow(both + "--jobs 1 --json r.json"), many = Ecoflow(both + "--jobs 3");
  ASSERT_EQ(one.status, 0) << one.err;
  const json r = json::parse(ReadFile(folder_ / "r.json").value());
  ASSERT_EQ(r["networks"].size(), 2u);
  EXPECT_EQ(r["networks"][1]["rows"][0]["op"], "ConvTranspose");
  EXPECT_EQ(r["summary"]["all"]["rows"], 6);
  // Up to the figures of time.
  EXPECT_EQ(one.out.substr(0, one.out.find("processor time")), many.out.substr(0, many.out.find("processor time")));
  EXPECT_EQ(one.err, "");

  const Outcome summary = Ecoflow(both + "--no-baselines --summary --json r.json");
  EXPECT_EQ(summary.status, 0);
  EXPECT_EQ(summary.out.rfind("roofline fraction", 0), 0u) << summary.out;
  EXPECT_TRUE(json::parse(ReadFile(folder_ / "r.json").value())["networks"][0]["rows"][0]["baselines"].is_null());
  ExpectRefused("report", "report: expected a workload or --check FILE");
  EXPECT_EQ(Ecoflow(both + "--jobs 0").status, 2);
}

// A map with a border, longer than a PE counts.
constexpr const char* kLongLayer = R"({"name": "wide", "op": "Conv", "input": [1, 2, 1, 70000], "output_channels": 2,
                                       "kernel_shape": [1, 5], "pads": [0, 2, 0, 2]})";

TEST_F(CliTest, ReportGoesOnAfterARowThatCannotRun) {
  Write("w.json", std::string(R"({"layers": [)") + kLongLayer + R"(,
      {"name": "l", "op": "Conv", "input": [1, 2, 7, 7], "output_channels": 3, "kernel_shape": [3, 3]}]})");
  const Outcome o = Ecoflow("report w.json --config ecoflow_4x4 --dataflow ecoflow --pass filter-grad --csv r.csv");
  EXPECT_EQ(o.status, 1);
  EXPECT_EQ(o.err, "");
  EXPECT_NE(o.out.find("wide   filter-grad the layer cannot run on this array"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("1 of 2 rows cannot run"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "r.csv"));
}

TEST_F(CliTest, ReportChecksTargets) {
  const auto targets = [&](const std::string& floor) {
    Write("t.json", R"({"targets": [{"workloads": ["layer"], "config": "ecoflow_4x4", "passes": ["forward", "input-grad"],
                        "statistic": "least", "floor": )" + floor + "}]}");
  };
  targets("0.001");
  Outcome o = Ecoflow("report --check t.json --json r.json");
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("2 of 2 targets met, 0 missed"), std::string::npos) << o.out;
  const json r = json::parse(ReadFile(folder_ / "r.json").value());
  EXPECT_EQ(r["targets"][1]["pass"], "input-grad");
  EXPECT_EQ(r["targets"][1]["met"], true);
  EXPECT_EQ(r["networks"].size(), 1u);  // one run for both
  targets("1.5");
  o = Ecoflow("report layer.json --check t.json --summary");
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.out.find("MISS"), std::string::npos);
  EXPECT_NE(o.out.find("peak memory"), std::string::npos);
  ExpectRefused("report other.json --check t.json", "other.json: no target names it");
  ExpectRefused("report --check t.json --batch 2", "--batch: not together with --check, whose targets say it");
  ExpectRefused("report --check none.json", "none.json: cannot be read: No such file or directory");
  Write("t.json", R"({"targets": []})");
  ExpectRefused("report --check t.json", "t.json: targets = [], expected 1 values, each an object");
}

TEST_F(CliTest, SameSeedGivesTheSameReportAndStallsTheSameResult) {
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--json a.json --output a.npy --seed 9").status, 0);
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--json b.json --output b.npy --seed 9").status, 0);
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--json c.json --output c.npy --seed 9 --stall 0.5").status, 0);
  const auto read = [&](const char* name) { return ReadFile(folder_ / name).value(); };
  json a = json::parse(read("a.json")), b = json::parse(read("b.json")), c = json::parse(read("c.json"));
  EXPECT_GT(c["cycles"], a["cycles"]);
  for (json* j : {&a, &b}) {
    j->erase("sim_seconds");
    j->erase("sim_khz");
  }
  EXPECT_EQ(a, b);
  EXPECT_EQ(read("a.npy"), read("b.npy"));
  EXPECT_EQ(read("a.npy"), read("c.npy"));
}

TEST_F(CliTest, CompiledImageRunsTheSame) {
  ASSERT_EQ(Ecoflow("compile layer.json --pass input-grad --config ecoflow_4x4 --out image").status, 0);
  for (const char* file : {"image.json", "mapping.json", "layer.json", "config.json"}) {
    EXPECT_TRUE(fs::exists(folder_ / "image" / file)) << file;
  }
  ASSERT_EQ(Ecoflow("run --image image --json a.json --output a.npy --seed 3").status, 0);
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--json b.json --output b.npy --seed 3").status, 0);
  EXPECT_EQ(ReadFile(folder_ / "a.npy").value(), ReadFile(folder_ / "b.npy").value());
  EXPECT_EQ(json::parse(ReadFile(folder_ / "a.json").value())["cycles"],
            json::parse(ReadFile(folder_ / "b.json").value())["cycles"]);
}

TEST_F(CliTest, PredictGivesTheNumbersOfRun) {
  for (const char* pass : {"forward", "input-grad", "filter-grad"}) {
    const std::string layer = std::string("layer.json --config ecoflow_4x4 --pass ") + pass;
    ASSERT_EQ(Ecoflow("run " + layer + " --seed 7 --json r.json").status, 0);
    ASSERT_EQ(Ecoflow("compile " + layer + " --out image").status, 0);
    const Outcome o = Ecoflow("predict " + layer + " --seed 7 --json p.json");
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.err, "");
    EXPECT_NE(o.out.find("predicted"), std::string::npos);
    ASSERT_EQ(Ecoflow("predict --image image --seed 7 --json i.json").status, 0);
    json r = json::parse(ReadFile(folder_ / "r.json").value());
    for (const char* file : {"p.json", "i.json"}) {
      json p = json::parse(ReadFile(folder_ / file).value());
      EXPECT_TRUE(p["match"].is_null());
      EXPECT_TRUE(p["mismatches"].is_null());
      for (const char* key : {"match", "mismatches", "sim_seconds", "sim_khz"}) {
        EXPECT_TRUE(p.contains(key)) << key;
        p[key] = r[key];
      }
      EXPECT_EQ(p, r) << pass;
    }
  }
}

TEST_F(CliTest, PredictCountsZerosOfTensorFiles) {
  WriteTensor("e.npy", {1, 3, 3, 3});
  WriteTensor("f.npy", {3, 2, 3, 3});
  ASSERT_EQ(Ecoflow("predict layer.json --config ecoflow_4x4 --pass input-grad --error e.npy "
                    "--filter f.npy --json p.json").status, 0);
  const json p = json::parse(ReadFile(folder_ / "p.json").value());
  EXPECT_EQ(p["gated_macs"], p["issued_macs"]);
}

TEST_F(CliTest, PredictComputesTheResultsOfRun) {
  for (const char* pass : {"forward", "input-grad", "filter-grad"}) {
    const std::string layer = std::string("layer.json --config ecoflow_4x4 --seed 7 --pass ") + pass;
    ASSERT_EQ(Ecoflow("run " + layer + " --json r.json --output r.npy").status, 0);
    const Outcome o = Ecoflow("predict " + layer + " --json p.json --output p.npy");  // implies --results
    ASSERT_EQ(o.status, 0) << o.err;
    EXPECT_EQ(o.err, "");
    EXPECT_NE(o.out.find("predicted"), std::string::npos);
    EXPECT_NE(o.out.find("match: true"), std::string::npos);
    EXPECT_EQ(ReadFile(folder_ / "p.npy").value(), ReadFile(folder_ / "r.npy").value()) << pass;
    ASSERT_EQ(Ecoflow("predict " + layer + " --json q.json --results").status, 0);
    json r = json::parse(ReadFile(folder_ / "r.json").value());
    for (const char* file : {"p.json", "q.json"}) {
      json p = json::parse(ReadFile(folder_ / file).value());
      EXPECT_EQ(p["match"], true);
      for (const char* key : {"sim_seconds", "sim_khz"}) p[key] = r[key];
      EXPECT_EQ(p, r) << pass;
    }
  }
}

TEST_F(CliTest, PredictFindsATamperedImage) {
  ASSERT_EQ(Ecoflow("compile layer.json --pass input-grad --config ecoflow_4x4 --out image").status, 0);
  json image = json::parse(ReadFile(folder_ / "image/image.json").value());
  for (auto& reg : image["schedule"]["wide"][0]["nest"]["registers"]) {
    if (reg["name"] == "address") reg["base"] = 0, reg["terms"] = json::array();  // always the first element
  }
  Write("image/image.json", image.dump());
  ASSERT_EQ(Ecoflow("run --image image --json r.json --output r.npy").status, 1);
  const Outcome o = Ecoflow("predict --image image --json p.json --output p.npy");
  EXPECT_EQ(o.status, 1);
  EXPECT_EQ(o.err, "");
  EXPECT_NE(o.out.find("match: FALSE"), std::string::npos);
  const json p = json::parse(ReadFile(folder_ / "p.json").value());
  EXPECT_EQ(p["match"], false);
  EXPECT_EQ(p["mismatches"], json::parse(ReadFile(folder_ / "r.json").value())["mismatches"]);
  EXPECT_EQ(ReadFile(folder_ / "p.npy").value(), ReadFile(folder_ / "r.npy").value());
  EXPECT_EQ(Ecoflow("predict --image image").status, 0);  // nothing is computed
}

TEST_F(CliTest, PredictGivesTheBaselinesOfReport) {
  ASSERT_EQ(Ecoflow("report layer.json --config ecoflow_4x4 --json n.json").status, 0);
  const json rows = json::parse(ReadFile(folder_ / "n.json").value())["rows"];
  ASSERT_EQ(rows.size(), 3u);
  for (const json& row : rows) {
    const std::string pass = row["pass"];
    for (const std::string dataflow : {"lowered", "ganax"}) {
      const std::string arguments = "layer.json --config ecoflow_4x4 --seed 7 --pass " + pass;
      const Outcome o = Ecoflow("predict " + arguments + " --json p.json --dataflow " + dataflow);
      ASSERT_EQ(o.status, 0) << o.err;
      EXPECT_EQ(o.err, "");
      EXPECT_NE(o.out.find("a formula, not a run"), std::string::npos);
      const json p = json::parse(ReadFile(folder_ / "p.json").value());
      EXPECT_EQ(p["cycles"], row["baselines"][dataflow]) << pass << " " << dataflow;
      EXPECT_EQ(p["dataflow"], dataflow);
      EXPECT_EQ(p["layer"], "l");
      EXPECT_EQ(p["pass"], pass);
      EXPECT_EQ(p["config"], "ecoflow_4x4");
      EXPECT_TRUE(p["match"].is_null());
      EXPECT_TRUE(p["mismatches"].is_null());
      EXPECT_EQ(p["pe_count"], 16);
      EXPECT_FALSE(p["assumptions"].empty());
      // What does not depend on the dataflow, and what padding costs, as counted on the array.
      const bool zero_free = dataflow == "ganax" && pass == "input-grad";
      ASSERT_EQ(Ecoflow("predict " + arguments + " --json q.json --dataflow " +
                        (zero_free ? "ecoflow" : "row-stationary")).status, 0);
      const json q = json::parse(ReadFile(folder_ / "q.json").value());
      for (const char* key : {"outputs", "useful_macs", "issued_macs", "gated_macs", "roofline_cycles"}) {
        EXPECT_EQ(p[key], q[key]) << pass << " " << dataflow << " " << key;
      }
      EXPECT_DOUBLE_EQ(p["roofline_fraction"].get<double>(),
                       p["roofline_cycles"].get<double>() / p["cycles"].get<double>());
    }
  }
}

TEST_F(CliTest, BaselinesAreForPredictOnly) {
  for (const std::string dataflow : {"lowered", "ganax"}) {
    const std::string message =
        "--dataflow " + dataflow + ": expected ecoflow, row-stationary or auto";
    ExpectRefused("run layer.json --pass forward --dataflow " + dataflow, message);
    ExpectRefused("compile layer.json --pass forward --out image --dataflow " + dataflow, message);
    ExpectRefused("report layer.json --dataflow " + dataflow, message);
    ExpectRefused("predict layer.json --pass forward --output o.npy --dataflow " + dataflow,
                  "--output: not with --dataflow " + dataflow + ", a formula that computes no result");
    ExpectRefused("predict layer.json --pass forward --results --dataflow " + dataflow,
                  "--results: not with --dataflow " + dataflow + ", a formula that computes no result");
    ExpectRefused("predict layer.json --dataflow " + dataflow,
                  "--pass: missing, expected forward, input-grad or filter-grad");
    ExpectRefused("predict layer.json --pass forward --ifmap a.npy --dataflow " + dataflow,
                  "a.npy: cannot be read: No such file or directory");
  }
  ExpectRefused("predict layer.json --pass forward --dataflow magic",
                "--dataflow magic: expected ecoflow, row-stationary, auto, lowered or ganax");
}

TEST_F(CliTest, PredictRefusesWhatNeedsTheRtl) {
  for (const std::string option : {"--stall 0.5", "--trace t.fst", "--assert"}) {
    ExpectRefused("predict layer.json --config ecoflow_4x4 --pass forward " + option,
                  option.substr(0, option.find(' ')) +
                      ": not for predict, which has no RTL and no pauses");
  }
  ExpectRefused("predict", "predict: expected a layer file or --image DIR, and not both");
}

TEST_F(CliTest, ATamperedImageIsAMismatchThatIsReported) {
  ASSERT_EQ(Ecoflow("compile layer.json --pass input-grad --config ecoflow_4x4 --out image").status, 0);
  json image = json::parse(ReadFile(folder_ / "image/image.json").value());
  for (auto& reg : image["schedule"]["wide"][0]["nest"]["registers"]) {
    if (reg["name"] == "address") reg["base"] = 0, reg["terms"] = json::array();  // always the first element
  }
  Write("image/image.json", image.dump());
  const Outcome o = Ecoflow("run --image image --json r.json --output o.npy");
  EXPECT_EQ(o.status, 1);
  EXPECT_NE(o.out.find("match: FALSE"), std::string::npos);
  const json r = json::parse(ReadFile(folder_ / "r.json").value());
  EXPECT_EQ(r["match"], false);
  EXPECT_GT(r["mismatches"], 0);
  EXPECT_TRUE(fs::exists(folder_ / "o.npy"));
}

TEST_F(CliTest, TensorFilesAreRead) {
  WriteTensor("e.npy", {1, 3, 3, 3});
  WriteTensor("f.npy", {3, 2, 3, 3});
  const Outcome o = Ecoflow(std::string(kRun) + "--error e.npy --filter f.npy --json r.json");
  ASSERT_EQ(o.status, 0) << o.err;
  const json r = json::parse(ReadFile(folder_ / "r.json").value());
  EXPECT_EQ(r["gated_macs"], r["issued_macs"]);  // all zero
}

TEST_F(CliTest, TraceIsWritten) {
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--trace t.fst --json r.json").status, 0);
  const Waveform wave = ReadWaveform((folder_ / "t.fst").string());
  EXPECT_TRUE(wave.readable);
  EXPECT_GT(wave.signals, 1000u);
  EXPECT_GT(wave.changes, 10000u);
  // Two times a cycle.
  EXPECT_GT(wave.end_time, 2 * json::parse(ReadFile(folder_ / "r.json").value())["cycles"].get<uint64_t>());
  EXPECT_EQ(Files(), 3u);
}

TEST_F(CliTest, OutputsGoThroughWhatIsNoRegularFile) {
  fs::create_symlink("/dev/null", folder_ / "null");
  fs::create_symlink("real.json", folder_ / "link.json");
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = ReadFile(folder_ / "fifo").value(); });
  EXPECT_EQ(Ecoflow(std::string(kRun) + "--json link.json --output null --trace null").status, 0);
  EXPECT_EQ(Ecoflow(std::string(kRun) + "--json fifo").status, 0);
  reader.join();
  EXPECT_TRUE(fs::is_symlink(folder_ / "null") && fs::is_character_file("/dev/null"));
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.json") && fs::is_fifo(folder_ / "fifo"));
  json a = json::parse(got), b = json::parse(ReadFile(folder_ / "real.json").value());
  EXPECT_EQ(a["cycles"], b["cycles"]);
  // What the report itself goes to: one behind the other.
  const Outcome o = Ecoflow(std::string(kRun) + "--json /dev/stdout");
  EXPECT_EQ(o.status, 0);
  EXPECT_LT(o.out.find("\"cycles\""), o.out.find("match: true"));
}

// Files of at most 20 blocks (10 KB or 20 KB, as the shell counts) stand for a full disk.
TEST_F(CliTest, AFullDiskIsNoticedByEveryOutput) {
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--trace t.fst").status, 0);  // the model is built
  fs::remove(folder_ / "t.fst");
  const auto expect = [&](const Outcome& o, const std::string& file, const std::string& why) {
    EXPECT_EQ(o.status, 2) << file;
    EXPECT_EQ(o.err, "ecoflow: " + file + ": cannot be written: " + why + "\n");
    EXPECT_EQ(o.out, "");
  };
  expect(Ecoflow(std::string(kRun) + "--trace t.fst", "ulimit -f 20;"), "t.fst", "File too large");
  EXPECT_EQ(Files(), 1u);
  Write("large.json", R"({"name": "l", "op": "Conv", "input": [1, 2, 99, 99], "output_channels": 2,
                          "kernel_shape": [3, 3]})");
  expect(Ecoflow("predict large.json --pass forward --config ecoflow_4x4 --output o.npy", "ulimit -f 20;"),
         "o.npy", "File too large");
  EXPECT_EQ(Files(), 2u);
  for (const char* option : {"--json", "--output", "--trace"}) {
    expect(Ecoflow(std::string(kRun) + option + " /dev/full"), "/dev/full", "No space left on device");
  }
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_EQ(Ecoflow("gen --config ecoflow_4x4 --out rtl", "ulimit -f 1;").status, 2);
}

TEST_F(CliTest, StandardOutputThatCannotBeWrittenIsExitThree) {
  const std::string image = "compile layer.json --pass input-grad --config ecoflow_4x4 --out image --show";
  for (const std::string& command : {std::string(kRun), image, std::string("--help"), std::string("--version"),
                                     std::string("report layer.json --config ecoflow_4x4"),
                                     std::string("predict layer.json --pass forward --config ecoflow_4x4")}) {
    const Outcome full = Ecoflow(command + " > /dev/full");
    EXPECT_EQ(full.status, 3) << command;
    EXPECT_EQ(full.err, "ecoflow: standard output cannot be written: No space left on device\n");
    const Outcome closed = Ecoflow(command + " >&-");
    EXPECT_EQ(closed.status, 3) << command;
    EXPECT_EQ(closed.err, "ecoflow: standard output cannot be written: Bad file descriptor\n");
    // A reader that goes away is no error.
    const Outcome gone = Ecoflow(command + "; echo $? >&2; } | true", "{");
    EXPECT_EQ(gone.err, "0\n") << command;
  }
  // With descriptor 1 closed, no file gets its number.
  EXPECT_EQ(Ecoflow(std::string(kRun) + "--json r.json >&-").status, 3);
  EXPECT_EQ(ReadFile(folder_ / "r.json").value().find("match: true"), std::string::npos);
  EXPECT_EQ(Ecoflow("run none.json --pass forward 2> /dev/full").status, 2);
  EXPECT_EQ(Ecoflow("run none.json --pass forward 2>&-").status, 2);
}

TEST_F(CliTest, ASignalClosesTheWaveform) {
  Write("long.json", R"({"name": "l", "op": "Conv", "input": [8, 32, 28, 28], "output_channels": 32,
                         "kernel_shape": [3, 3]})");
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--trace warm.fst").status, 0);  // the model is built
  fs::remove(folder_ / "warm.fst");
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = Start({"run", "long.json", "--pass", "forward", "--config", "ecoflow_4x4", "--trace",
                               "t.fst", "--json", "r.json"});
    ASSERT_TRUE(Becomes([&] {
      std::error_code ec;
      return fs::file_size(folder_ / "t.fst.tmp0/file", ec) > 100000 && !ec;
    }));
    ::kill(child, signal);
    const int status = Wait(child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    const Waveform wave = ReadWaveform((folder_ / "t.fst").string());
    EXPECT_TRUE(wave.readable);
    EXPECT_GT(wave.end_time, 100u);
    EXPECT_GT(wave.changes, 10000u);
    EXPECT_EQ(ReadFile(folder_ / "stdout.txt").value(), "");
    EXPECT_EQ(Files(), 4u);  // two layers, t.fst, stdout.txt
  }
}

TEST_F(CliTest, ASignalEndsABuildAndAllThatBelongsToIt) {
  WriteConfig("hw.json", 3, 1);
  fs::create_directory(folder_ / "tmp");
  const std::vector<std::pair<std::string, std::string>> environment = {
      {"ECOFLOW_CACHE", "cache"}, {"TMPDIR", (folder_ / "tmp").string()}, {"CCACHE_DISABLE", "1"}};
  const auto models = [&] {  // finished ones
    std::error_code ec;
    int count = 0;
    for (const auto& entry : fs::directory_iterator(folder_ / "cache/models", ec)) count += entry.is_directory();
    return count;
  };
  const auto start = [&] {
    const pid_t child = Start({"run", "layer.json", "--pass", "forward", "--config", "hw.json"}, environment);
    EXPECT_TRUE(Becomes([&] { return ProcessesBelow(folder_ / "tmp") >= 3; }));  // make, compiler ...
    return child;
  };
  for (const int signal : {SIGINT, SIGTERM}) {
    const pid_t child = start();
    ::kill(child, signal);
    const int status = Wait(child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << status;
    EXPECT_EQ(ProcessesBelow(folder_ / "tmp"), 0);
    EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
    EXPECT_EQ(models(), 0);
    EXPECT_EQ(ReadFile(folder_ / "stdout.txt").value(), "");
  }
  // Nobody cleans up after SIGKILL but the next one; also what older versions left in the cache.
  const pid_t child = start();
  ::kill(child, SIGKILL);
  Wait(child);
  EXPECT_FALSE(fs::is_empty(folder_ / "tmp"));
  fs::create_directory(folder_ / "cache/models/0123456789abcdef.build77");
  ASSERT_TRUE(Becomes([&] { return ProcessesBelow(folder_ / "tmp") == 0; }));
  const int status = Wait(Start({"run", "layer.json", "--pass", "forward", "--config", "hw.json"}, environment));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << ReadFile(folder_ / "stdout.txt").value();
  for (const auto& entry : fs::directory_iterator(folder_ / "tmp")) ADD_FAILURE() << entry.path();
  EXPECT_EQ(models(), 1);
}

TEST_F(CliTest, WhatACompilerLeavesGoesWithTheBuild) {
  fs::create_directory(folder_ / "tmp");
  fs::create_directory(folder_ / "bin");
  Write("bin/verilator", "#!/bin/sh\n[ $1 = --version ] && exec echo Verilator\ntouch $TMPDIR/left; sleep 60\n");
  fs::permissions(folder_ / "bin/verilator", fs::perms::owner_all);
  const pid_t child = Start({"run", "layer.json", "--pass", "forward"},
                            {{"ECOFLOW_CACHE", "cache"},
                             {"TMPDIR", (folder_ / "tmp").string()},
                             {"PATH", (folder_ / "bin").string() + ":" + std::getenv("PATH")}});
  const auto left = [&] {
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "tmp")) {
      if (entry.path().filename() == "left") return true;
    }
    return false;
  };
  EXPECT_TRUE(Becomes(left));
  ::kill(child, SIGTERM);
  Wait(child);
  EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
}

TEST_F(CliTest, AnyCachePathWillDo) {
  WriteConfig("hw.json", 2, 1);
  const std::string name = "r $(touch x) 'q' \"d\"; & (e)";
  const auto run = [&](const std::string& cache) {
    const int status = Wait(Start({"run", "layer.json", "--pass", "forward", "--config", "hw.json"},
                                  {{"ECOFLOW_CACHE", cache}}));
    EXPECT_EQ(WEXITSTATUS(status), 0) << cache << ReadFile(folder_ / "stdout.txt").value();
  };
  run(name);  // relative
  EXPECT_TRUE(fs::is_directory(folder_ / name / "models"));
  const auto built = fs::last_write_time(folder_ / name / "models");
  run((folder_ / name).string());
  EXPECT_EQ(fs::last_write_time(folder_ / name / "models"), built);  // the same one
  EXPECT_FALSE(fs::exists(folder_ / "x"));
  // What others can write is not loaded.
  for (const auto& entry : fs::directory_iterator(folder_ / name / "models")) {
    if (entry.is_directory()) fs::permissions(entry.path() / "model.so", fs::perms::others_write, fs::perm_options::add);
  }
  const auto refused = [&] {
    const int status = Wait(Start({"run", "layer.json", "--pass", "forward", "--config", "hw.json"},
                                  {{"ECOFLOW_CACHE", name}}));
    EXPECT_EQ(WEXITSTATUS(status), 3);
    return ReadFile(folder_ / "stdout.txt").value();
  };
  EXPECT_NE(refused().find("expected user"), std::string::npos);
  fs::permissions(folder_ / name / "models", fs::perms::others_write, fs::perm_options::add);
  EXPECT_NE(refused().find("others can write there"), std::string::npos);
}

TEST_F(CliTest, NumbersOfFilesAreChecked) {
  ASSERT_EQ(Ecoflow("compile layer.json --pass input-grad --config ecoflow_4x4 --out image").status, 0);
  const std::string good = ReadFile(folder_ / "image/image.json").value();
  for (const char* bad : {"5e79", "-1", "2.0", "true", "null"}) {
    std::string text = good;
    const std::string key = "\"useful_macs\":";
    const auto at = text.find(key) + key.size();
    text.replace(at, text.find(',', at) - at, bad);
    Write("image/image.json", text);
    for (const char* command : {"run", "predict"}) {
      ExpectRefused(std::string(command) + " --image image",
                    "image.json: useful_macs = " + json::parse(bad).dump() +
                        ", expected an integer, 0..9223372036854775807");
    }
  }
}

TEST_F(CliTest, AWorkloadsNameIsTheReports) {
  Write("w.json", R"({"name": "my \"net\"", "layers": [{"name": "l", "op": "Conv", "input": [1, 2, 7, 7],
                      "output_channels": 3, "kernel_shape": [3, 3]}]})");
  const Outcome o = Ecoflow("report w.json --pass forward --config ecoflow_4x4 --json r.json");
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(json::parse(ReadFile(folder_ / "r.json").value())["network"], "my \"net\"");
  EXPECT_EQ(o.out.find("my \"net\", "), 0u) << o.out;
  ASSERT_EQ(Ecoflow("report layer.json --pass forward --config ecoflow_4x4 --json r.json").status, 0);
  EXPECT_EQ(json::parse(ReadFile(folder_ / "r.json").value())["network"], "layer");
  Write("large.json", R"({"name": "l", "op": "Conv", "input": [1, 2, 700, 700], "output_channels": 3,
                          "kernel_shape": [3, 3]})");
  ExpectRefused("report large.json --batch 1000000",
                "large.json: input: a tensor of the layer has 2^31 elements or more");
}

TEST_F(CliTest, VersionIsTheProjects) {
  const Outcome o = Ecoflow("--version");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.out, "ecoflow " ECOFLOW_VERSION "\n");
  EXPECT_EQ(o.err, "");
}

TEST_F(CliTest, GenWritesTheBundle) {
  const Outcome o = Ecoflow("gen --config ecoflow_4x4 --out rtl");
  ASSERT_EQ(o.status, 0) << o.err;
  for (const char* file : {"eco_top.sv", "eco_image_pkg.sv", "files.f", "manifest.json", "rtl/pe/eco_pe.sv"}) {
    EXPECT_TRUE(fs::exists(folder_ / "rtl" / file)) << file;
  }
}

TEST_F(CliTest, BadLayersAndConfigsAreRefused) {
  Write("bad.json", "{\"name\": ");
  ExpectRefused("run bad.json --pass input-grad", "bad.json: not valid JSON, line 1");
  ExpectRefused("run none.json --pass input-grad", "none.json: cannot be read: No such file or directory");
  ExpectRefused("run . --pass input-grad", ".: is a folder, expected a file");
  Write("hw.json", "{}");
  ExpectRefused("run layer.json --pass input-grad --config hw.json", "hw.json: missing key name");
  Write("neg.json", R"({"name": "l", "op": "Conv", "input": [1, 2, -7, 7], "output_channels": 3,
                        "kernel_shape": [3, 3]})");
  ExpectRefused("run neg.json --pass input-grad",
                "neg.json: input = [1,2,-7,7], expected 4 values, each 1..1000000");
  Write("big.json", R"({"name": "l", "op": "Conv", "input": [1, 2, 7, 7], "output_channels": 3,
                        "kernel_shape": [9, 3], "pads": [1, 0, 0, 0]})");
  ExpectRefused("run big.json --pass input-grad",
                "big.json: kernel_shape: dilated height 9 is larger than the padded input's 8");
}

TEST_F(CliTest, ALayerThatTheArrayCannotHoldIsRefused) {
  Write("wide.json", kLongLayer);
  ExpectRefused("run wide.json --pass filter-grad --dataflow ecoflow --config ecoflow_4x4",
                "the layer cannot run on this array: image field XLimit = 70000, expected 0..32767");
}

TEST_F(CliTest, WhereNoStripCanRunOthersDo) {
  json hw = json::parse(ReadFile(SourceRoot() / "gen/configs/ecoflow_4x4.json").value());
  hw["name"] = "tiny";
  hw["pe"]["filter_depth"] = 2;
  Write("tiny.json", hw.dump());
  Write("wide.json", R"({"name": "l", "op": "Conv", "input": [1, 2, 7, 7], "output_channels": 3,
                         "kernel_shape": [1, 3]})");
  const Outcome o = Ecoflow("run wide.json --pass input-grad --dataflow ecoflow --config tiny.json --assert");
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("match: true"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("equal: no padding is multiplied"), std::string::npos) << o.out;
}

TEST_F(CliTest, BadUsageIsRefused) {
  ExpectRefused("run layer.json", "--pass: missing, expected forward, input-grad or filter-grad");
  ExpectRefused("run layer.json --pass backward",
                "--pass backward: expected forward, input-grad or filter-grad");
  ExpectRefused("run layer.json --pass input-grad --dataflow magic",
                "--dataflow magic: expected ecoflow, row-stationary or auto");
  ExpectRefused("run --pass input-grad", "run: expected a layer file or --image DIR, and not both");
  ExpectRefused("run --image nowhere", "--image nowhere: no such folder");
  ExpectRefused("run layer.json --pass input-grad --layer other",
                "--layer other: not in layer.json, expected one of l");
  for (const char* arguments : {"", "fly", "run layer.json --pass input-grad --speed 3",
                                "run layer.json --pass input-grad --stall 1.5",
                                "run layer.json --pass input-grad --batch 0",
                                "compile layer.json --pass input-grad"}) {
    const Outcome o = Ecoflow(arguments);
    EXPECT_EQ(o.status, 2) << arguments;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_EQ(o.out, "");
  }
}

TEST_F(CliTest, BadTensorsAreRefused) {
  WriteTensor("e.npy", {1, 3, 3, 3});
  WriteTensor("f.npy", {3, 2, 3, 3});
  WriteTensor("wrong.npy", {3, 2, 3, 4});
  ExpectRefused(std::string(kRun) + "--error e.npy", "--filter: missing, input-grad reads error and filter");
  ExpectRefused(std::string(kRun) + "--error e.npy --filter f.npy --ifmap e.npy",
                "--ifmap: not read by input-grad, which reads error and filter");
  ExpectRefused(std::string(kRun) + "--error e.npy --filter f.npy --seed 1",
                "--seed: not together with tensor files");
  ExpectRefused(std::string(kRun) + "--error e.npy --filter none.npy",
                "none.npy: cannot be read: No such file or directory");
  ExpectRefused(std::string(kRun) + "--error e.npy --filter wrong.npy",
                "wrong.npy: shape (3, 2, 3, 4), expected (3, 2, 3, 3)");
  std::string text = ReadFile(folder_ / "f.npy").value();
  Write("cut.npy", text.substr(0, text.size() - 7));
  ExpectRefused(std::string(kRun) + "--error e.npy --filter cut.npy",
                "cut.npy: holds 101 bytes of data, expected 108: truncated");
  text.replace(text.find("<i2"), 3, "<f2");
  Write("float.npy", text);
  ExpectRefused(std::string(kRun) + "--error e.npy --filter float.npy",
                "float.npy: dtype <f2, expected '<i2' (int16, little endian)");
}

TEST_F(CliTest, Bf16TensorsAreFloat32OrBitPatterns) {
  const std::string run = "run layer.json --pass input-grad --config ecoflow_4x4_bf16 ";
  const auto write = [&](const std::string& name, const std::array<int64_t, 4>& shape, const char* descr, const auto& values) {
    std::string content = NpyContent({}, false, shape);
    content.replace(content.find("<i4"), 3, descr);
    content.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
    Write(name, content);
  };
  std::vector<float> error(27), filter(54);
  std::vector<uint16_t> bits(54);
  for (std::size_t k = 0; k < 27; ++k) error[k] = static_cast<float>(k) - 13;
  for (std::size_t k = 0; k < 54; ++k) filter[k] = 0.5f * static_cast<float>(k % 5), bits[k] = RoundToBf16(filter[k]);
  write("e.npy", {1, 3, 3, 3}, "<f4", error);
  write("f.npy", {3, 2, 3, 3}, "<f4", filter);
  write("bits.npy", {3, 2, 3, 3}, "<u2", bits);
  ASSERT_EQ(Ecoflow(run + "--error e.npy --filter f.npy --output a.npy --json a.json").status, 0);
  ASSERT_EQ(Ecoflow(run + "--error e.npy --filter bits.npy --output b.npy").status, 0);
  EXPECT_EQ(ReadFile(folder_ / "a.npy").value(), ReadFile(folder_ / "b.npy").value());
  EXPECT_NE(ReadFile(folder_ / "a.npy").value().find("'<f4'"), std::string::npos);
  const json report = json::parse(ReadFile(folder_ / "a.json").value());
  EXPECT_EQ(report["match"], true);
  EXPECT_EQ(report["worst_error_ulp"], 0.0);
  EXPECT_FALSE(report.contains("rounded"));

  filter[7] = 1.0f / 3;
  write("f.npy", {3, 2, 3, 3}, "<f4", filter);
  ExpectRefused(run + "--error e.npy --filter f.npy",
                "f.npy: element 7 = 0.33333334 is no bf16 value; --round rounds to the nearest");
  const Outcome o = Ecoflow(run + "--error e.npy --filter f.npy --round --json r.json");
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("1 values of the tensors were rounded to bf16"), std::string::npos) << o.out;
  EXPECT_EQ(json::parse(ReadFile(folder_ / "r.json").value())["rounded"], 1);

  // Rounded behind the accumulators: the results are bf16, those of the model of the array, too.
  ASSERT_EQ(Ecoflow(run + "--seed 3 --round-results --output c.npy").status, 0);
  ASSERT_EQ(Ecoflow("predict layer.json --pass input-grad --config ecoflow_4x4_bf16 --seed 3 --round-results --output d.npy").status, 0);
  EXPECT_EQ(ReadFile(folder_ / "c.npy").value(), ReadFile(folder_ / "d.npy").value());
  EXPECT_TRUE(ReadNpyBf16(folder_ / "c.npy", {1, 2, 7, 7}, nullptr).ok());

  for (const char* values : {"normal", "integers", "special"}) {
    EXPECT_EQ(Ecoflow(run + "--values " + values).status, 0) << values;
  }
  ExpectRefused(run + "--values large", "--values large: expected normal, integers or special");
  ExpectRefused(run + "--error e.npy --filter bits.npy --values normal", "--values: not together with tensor files");
  ExpectRefused(run + "--round", "--round: only together with tensor files");
  ExpectRefused(std::string(kRun) + "--values normal", "--values: only for bf16, and ecoflow_4x4 computes in int16");
  ExpectRefused(std::string(kRun) + "--round-results", "--round-results: only for bf16, and ecoflow_4x4 computes in int16");
}

TEST_F(CliTest, ServeAnswersLineByLine) {
  WriteTensor("e.npy", {1, 3, 3, 3});
  WriteTensor("f.npy", {3, 2, 3, 3});
  const std::string layer = json::parse(ReadFile(folder_ / "layer.json").value()).dump();
  const auto request = [&](const std::string& rest) { return "{\"layer\": " + layer + ", \"pass\": \"input-grad\"" + rest + "}\n"; };
  const std::string good = request(R"(, "error": "e.npy", "filter": "f.npy", "output": "o.npy")");
  Write("requests", good + "nonsense\n" + request("") + request(R"(, "error": "e.npy", "output": "o.npy")") + good);
  for (const char* functional : {"", " --functional"}) {
    const Outcome o = Ecoflow(std::string("serve --config ecoflow_4x4") + functional + " < requests");
    EXPECT_EQ(o.status, 0) << o.err;
    std::vector<json> answers;
    std::istringstream lines(o.out);
    for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
    ASSERT_EQ(answers.size(), 5u) << o.out;
    EXPECT_EQ(answers[0]["match"], true);
    EXPECT_GT(answers[0]["cycles"], 0);
    EXPECT_EQ(answers[1]["error"], "request: not valid JSON, line 1");
    EXPECT_EQ(answers[2]["error"], "request: missing key output");
    EXPECT_EQ(answers[3]["error"], "--filter: missing, input-grad reads error and filter");
    EXPECT_EQ(answers[3]["exit"], 2);
    EXPECT_EQ(answers[4]["cycles"], answers[0]["cycles"]);
  }
  ASSERT_EQ(Ecoflow(std::string(kRun) + "--error e.npy --filter f.npy --output p.npy").status, 0);
  EXPECT_EQ(ReadFile(folder_ / "o.npy").value(), ReadFile(folder_ / "p.npy").value());
}

TEST_F(CliTest, ServeAnswersWhateverARequestNames) {
  WriteTensor("e.npy", {1, 3, 3, 3});
  WriteTensor("f.npy", {3, 2, 3, 3});
  std::string odd = ReadFile(folder_ / "e.npy").value();
  odd.replace(odd.find("<i2"), 3, "\xff\xfe" "4");
  Write("odd.npy", odd);
  std::string accents = "a";
  for (int k = 0; k < 60; ++k) accents += "\u00e9";
  const std::string layer = json::parse(ReadFile(folder_ / "layer.json").value()).dump();
  const auto request = [&](const std::string& pass, const std::string& error, const std::string& output) {
    return "{\"layer\": " + layer + ", \"pass\": \"" + pass + "\", \"error\": \"" + error + "\", \"filter\": \"f.npy\", \"output\": \"" + output + "\"}\n";
  };
  Write("requests", request(accents, "e.npy", "o.npy") + request("input-grad", "odd.npy", "o.npy") + request("input-grad", "e.npy\\u0000x", "o.npy") +
                        request("input-grad", "e.npy", "no/o.npy") + request("input-grad", "e.npy", "") + request("input-grad", "e.npy", "o.npy"));
  const Outcome o = Ecoflow("serve --config ecoflow_4x4 --functional < requests");
  EXPECT_EQ(o.status, 0) << o.err;
  std::vector<json> answers;
  std::istringstream lines(o.out);
  for (std::string line; std::getline(lines, line);) answers.push_back(json::parse(line));
  ASSERT_EQ(answers.size(), 6u) << o.out;
  for (int k = 0; k < 5; ++k) EXPECT_EQ(answers[k]["exit"], 2) << answers[k];
  EXPECT_EQ(answers[3]["error"], "request: output no/o.npy: folder no does not exist");
  EXPECT_EQ(answers[5]["match"], true);
  ExpectRefused("serve --config ecoflow_4x4 --functional --dataflow fast", "--dataflow fast: expected ecoflow, row-stationary or auto");
  EXPECT_EQ(Ecoflow("serve --config ecoflow_4x4 --functional < .").status, 2);
}

TEST_F(CliTest, UnwritableOutputsAreRefusedBeforeTheRun) {
  ExpectRefused(std::string(kRun) + "--json no/r.json", "--json no/r.json: folder no does not exist");
  ExpectRefused(std::string(kRun) + "--output .", "--output .: is a folder, expected a file name");
  ExpectRefused(std::string(kRun) + "--output r --json ./r", "--json ./r: is the file of --output as well");
  ExpectRefused(std::string(kRun) + "--stall nan", "--stall nan: expected 0 to 0.99");
  ExpectRefused("predict layer.json --pass forward --output no/o.npy",
                "--output no/o.npy: folder no does not exist");
  Write("file", "");
  ExpectRefused("compile layer.json --pass input-grad --config ecoflow_4x4 --out file",
                "--out file: cannot be created: a file of that name exists");
  ExpectRefused("gen --out file/sub", "--out file/sub: cannot be created: Not a directory");
}

TEST_F(CliTest, DamagedImagesAreRefused) {
  ASSERT_EQ(Ecoflow("compile layer.json --pass input-grad --config ecoflow_4x4 --out image").status, 0);
  const std::string good = ReadFile(folder_ / "image/image.json").value();
  json image = json::parse(good);
  image["format"] = 99;
  Write("image/image.json", image.dump());
  ExpectRefused("run --image image", "image.json: format = 99, expected an integer, 4..5");
  Write("image/image.json", good.substr(0, good.size() / 2));
  ExpectRefused("run --image image", "image.json: not valid JSON, line 1");
  image["format"] = 4;
  image["schedule"].erase("gon");
  Write("image/image.json", image.dump());
  const Outcome o = Ecoflow("run --image image");
  EXPECT_EQ(o.status, 2);
  EXPECT_EQ(o.err, "ecoflow: image.json: missing key schedule.gon\n");
  image = json::parse(good);
  image["schedule"]["wide"][0]["address"] = 1000;
  Write("image/image.json", image.dump());
  const auto& nest = image["schedule"]["wide"][0]["nest"];
  ExpectRefused("run --image image", "image.json: schedule.wide[0].address = 1000, expected an integer, 0.." +
                                         std::to_string(nest["loops"].size() + nest["registers"].size() - 1));
  image = json::parse(good);
  image["schedule"]["narrow"][0]["nest"]["loops"][0][1] = 0;
  Write("image/image.json", image.dump());
  ExpectRefused("run --image image", "image.json: schedule.narrow[0].nest.loops[0][1] = 0, expected an "
                                     "integer, 1..1099511627776");
  image = json::parse(good);
  for (auto& reg : image["schedule"]["wide"][0]["nest"]["registers"]) {
    if (reg["name"] == "address") reg["base"] = 54;
  }
  Write("image/image.json", image.dump());
  ExpectRefused("run --image image",
                "image.json: the schedule is damaged: element 56 of operand 0 does not exist");
  ExpectRefused("run --image image --batch 2", "--batch: not together with --image, which holds it already");
  fs::remove(folder_ / "image/config.json");
  ExpectRefused("run --image image", "image/config.json: cannot be read: No such file or directory");
}

TEST_F(CliTest, AMissingToolIsExitThree) {
  const Outcome o = Ecoflow("--help");
  EXPECT_EQ(o.status, 0);
  const std::string command = "cd " + folder_.string() + " && PATH=/nowhere ECOFLOW_CACHE=" +
                              (folder_ / "cache").string() + " " ECOFLOW_BINARY " " + kRun +
                              " 2> stderr.txt";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_NE(ReadFile(folder_ / "stderr.txt").value().find("verilator is missing"), std::string::npos);
}

TEST_F(CliTest, ParallelRunsShareOneModelBuild) {
  json hw = json::parse(ReadFile(SourceRoot() / "gen/configs/ecoflow_4x4.json").value());
  hw["array"] = {{"rows", 2}, {"columns", 2}};
  hw["name"] = "pair";
  Write("pair.json", hw.dump());
  std::array<int, 3> status{};
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < status.size(); ++k) {
    threads.emplace_back([&, k] {
      const std::string command =
          "cd " + folder_.string() + " && ECOFLOW_CACHE=" + (folder_ / "cache").string() +
          " " ECOFLOW_BINARY " run layer.json --pass input-grad --config pair.json > /dev/null 2>&1";
      status[k] = std::system(command.c_str());
    });
  }
  for (auto& thread : threads) thread.join();
  for (int s : status) EXPECT_EQ(s, 0);
  int models = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "cache/models")) models += entry.is_directory();
  EXPECT_EQ(models, 1);
}

TEST_F(CliTest, HelpOfEverySubcommand) {
  for (const char* command : {"gen", "compile", "run", "predict", "serve", "area"}) {
    const Outcome o = Ecoflow(std::string(command) + " --help");
    EXPECT_EQ(o.status, 0);
    EXPECT_NE(o.out.find("--config"), std::string::npos) << command;
  }
}

}  // namespace
}  // namespace ecoflow
