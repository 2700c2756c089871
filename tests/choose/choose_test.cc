// SPDX-License-Identifier: Apache-2.0
// The choice by the cycle model: never slower than what it contains, never an image that locks up.
#include "choose/choose.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <span>

#include "base/files.h"
#include "tests/e2e/random_layers.h"

namespace ecoflow {
namespace {
using nlohmann::ordered_json;

constexpr std::array kPasses = {Pass::kForward, Pass::kInputGrad, Pass::kFilterGrad};

Layer SmallLayer() {
  Layer layer;
  layer.input = {1, 8, 5, 5};
  layer.output_channels = 2;
  layer.kernel = {2, 2};
  layer.strides = {2, 2};
  return layer;
}

HwConfig WithLatency(int latency) {
  HwConfig config = LoadHwConfig("ecoflow_4x4").value();
  config.adder_latency = latency;
  return config;
}

HwConfig Array(const std::string& name) {
  return LoadHwConfig((SourceRoot() / "tests/data" / (name + ".json")).string()).value();
}

class ChooseTest : public ::testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(AdderLatencies, ChooseTest, ::testing::Values(1, 3));

TEST_P(ChooseTest, AutoIsNeverSlowerThanWhatItContains) {
  const HwConfig config = WithLatency(GetParam());
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
    const Pass pass = kPasses[seed / 2 % 3];
    const Layer layer = RandomLayer(seed, op, pass, true, 20000);
    const auto best = Choose(config, layer, pass, "auto");
    ASSERT_TRUE(best.ok()) << best.error().message;
    for (const char* dataflow : {"ecoflow", "row-stationary"}) {
      const auto other = Choose(config, layer, pass, dataflow);
      if (other.ok()) {
        EXPECT_LE(best.value().counts.cycles, other.value().counts.cycles) << seed << " " << dataflow;
      }
    }
  }
}

TEST(ChooseOneTest, EstimatesOfSmallLayersDoNotDecide) {
  const HwConfig config = WithLatency(1);
  const auto cycles = [&](const char* dataflow) {
    return Choose(config, SmallLayer(), Pass::kFilterGrad, dataflow).value().counts.cycles;
  };
  EXPECT_LE(cycles("auto"), cycles("ecoflow"));
  EXPECT_LE(cycles("auto"), cycles("row-stationary"));
}

TEST(ChooseOneTest, CountsAreThoseOfTheSchedule) {
  const HwConfig config = WithLatency(3);
  for (const Pass pass : kPasses) {
    const ChosenLayer chosen = Choose(config, SmallLayer(), pass, "auto").value();
    const CycleCounts counts = PredictCycles(chosen.compiled.schedule, config, {}).value();
    EXPECT_EQ(chosen.counts.cycles, counts.cycles);
    EXPECT_EQ(chosen.counts.pe, counts.pe);
    EXPECT_EQ(chosen.compiled.mapping.at("predicted_cycles"), counts.cycles);
  }
}

// Not only what is chosen: every mapping that auto has is proved, whichever parts it consists of.
TEST(ChooseOneTest, EveryCandidateIsProved) {
  std::map<std::string, int> met;  // candidates that sum over parts, and others with several parts
  for (uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    const char* const arrays[] = {"16x1", "7x3", "small"};
    const bool other = seed % 7 < 3;
    const HwConfig config = other ? Array(arrays[seed % 7]) : WithLatency(seed % 3 == 0 ? 3 : 1);
    const Op op = seed % 2 == 0 ? Op::kConv : Op::kConvTranspose;
    const Layer layer = RandomLayer(seed + 900, op, kPasses[seed / 2 % 3], true, 20000);
    CompiledLayer one = BeginCompile(config, layer, kPasses[seed / 2 % 3], "auto", "cycles").value();
    const std::vector<Candidate> candidates = Candidates(one).value();
    for (const Candidate& candidate : candidates) {
      if (!MakeSchedule(candidate, config, one.schedule).ok()) continue;
      one.mapping = candidate.mapping;
      const Status proved = ProveCompiled(one);
      ASSERT_TRUE(proved.ok()) << candidate.mapping.dump() << proved.error().message;
      met[candidate.mapping.value("borders", "none")] += one.schedule.passes.size() > 1;
      const auto& tiles = candidate.mapping;
      if (tiles.at("family") == "matrix product") {
        met["streamed over both, several parts"] += tiles["stream_turn"][0] > 0 && tiles["parts"].size() > 1;
        met["both operands over both"] += tiles["stream_turn"][0] > 0 && tiles["fixed_turn"][0] > 0;
        for (const auto& part : tiles["parts"]) met["blocks of k of two lengths"] += part["first_k"] > 0;
      }
      if (tiles.at("family") == "row-stationary" && tiles["input_turn"][0] > 0 && tiles["input_turn"][1] > 0) {
        EXPECT_TRUE(PredictCycles(one.schedule, config, {}).ok()) << tiles.dump();
        ++met["rows over both"];
        met["rows over both, several passes"] += tiles["passes"] > 1;
      }
      if (tiles.at("family") != "tile per PE") continue;
      met["tiles in parts"] += tiles["parts"].size() > 1;
      met["tiles exchanged"] += tiles["exchanged"] == true;
      met["tiles cropped"] += tiles["parts"][0]["crop"] == true;
      met["tiles in blocks"] += tiles["block"][0] > 1 || tiles["block"][1] > 1;
      met["blocks over both"] += tiles["block"][0] > 1 && tiles["input_turn"][0] > 0 && tiles["input_turn"][1] > 0;
      met["tiles crossed"] += !tiles["cross"].is_null();
      if (other) continue;  // there a few lock up, and are not taken
      met["tiles that run"] += PredictCycles(one.schedule, config, {}).ok();
      ++met["tiles"];
    }
  }
  EXPECT_EQ(met["tiles that run"], met["tiles"]);
  for (const char* kind : {"tiles in parts", "tiles exchanged", "tiles cropped", "tiles in blocks", "blocks over both",
                           "tiles crossed"}) {
    EXPECT_GE(met[kind], 3) << kind << " of " << met["tiles"];
  }
  EXPECT_GE(met["rows over both"], 10);
  EXPECT_GE(met["rows over both, several passes"], 3);
  EXPECT_GE(met["blocks of k of two lengths"], 10);
  EXPECT_GE(met["streamed over both, several parts"], 3);
  EXPECT_GE(met["both operands over both"], 3);
  EXPECT_GE(met["taps"], 20);
  EXPECT_GE(met["sections"], 20);
  EXPECT_GE(met["zeros"], 10);
}

Layer GroupedLayer(std::array<int, 4> input, int channels, int group, int stride, int pad) {
  Layer layer;
  layer.input = input;
  layer.output_channels = channels;
  layer.group = group;
  layer.kernel = {3, 3};
  layer.strides = {stride, stride};
  layer.pads = {pad, pad, pad, pad};
  return layer;
}

// A shipped configuration or a file of the tests.
HwConfig ConfigOf(const std::string& array) {
  return LoadHwConfig(array.ends_with("json") ? (SourceRoot() / array).string() : array).value();
}

// Proves and runs the mappings of tiles that auto has for the layers on arrays of several shapes: of units that cross or of
// blocks. `visit` sees each; `met` counts them by array.
void ForEachTileCandidate(std::span<const Layer> layers, bool crossed, std::map<std::string, int>& met,
                          const std::function<void(const HwConfig&, const Layer&, const ordered_json&)>& visit) {
  for (const char* array : {"ecoflow_13x15", "ecoflow_4x4", "tests/data/7x3.json"}) {
    const HwConfig config = ConfigOf(array);
    for (const Layer& layer : layers) {
      for (const Pass pass : {Pass::kForward, Pass::kFilterGrad}) {
        CompiledLayer one = BeginCompile(config, layer, pass, "auto", "cycles").value();
        const std::vector<Candidate> candidates = Candidates(one).value();
        for (const Candidate& candidate : candidates) {
          const ordered_json& mapping = candidate.mapping;
          if (mapping.at("family") != "tile per PE" || mapping.at("cross").is_null() == crossed) continue;
          SCOPED_TRACE(array + ToJsonText(layer) + mapping.dump());
          ASSERT_TRUE(MakeSchedule(candidate, config, one.schedule).ok());
          one.mapping = mapping;
          const Status proved = ProveCompiled(one);
          ASSERT_TRUE(proved.ok()) << proved.error().message;
          const auto counts = PredictCycles(one.schedule, config, {});
          ASSERT_TRUE(counts.ok()) << counts.error().message;
          EXPECT_GE(counts.value().cycles, candidate.least_cycles);
          ++met[array];
          visit(config, layer, mapping);
        }
      }
    }
  }
}

// What a candidate says that it takes at least, it does: tiles at the map's edge have fewer results for the GON, the last
// round fewer words.
TEST(ChooseOneTest, NoRunTakesFewerCyclesThanItsBound) {
  const HwConfig config = ConfigOf("ecoflow_13x15");
  int crossed = 0;
  // The last round has fewer groups in the third.
  for (const Layer& layer : {GroupedLayer({2, 91, 15, 15}, 91, 91, 2, 0), GroupedLayer({2, 91, 29, 29}, 91, 91, 2, 0),
                             GroupedLayer({3, 21, 9, 9}, 35, 7, 2, 1)}) {
    for (const Pass pass : kPasses) {
      CompiledLayer one = BeginCompile(config, layer, pass, "auto", "cycles").value();
      const std::vector<Candidate> candidates = Candidates(one).value();
      for (const Candidate& candidate : candidates) {
        SCOPED_TRACE(ToJsonText(layer) + candidate.mapping.dump());
        if (!MakeSchedule(candidate, config, one.schedule).ok()) continue;
        const auto counts = PredictCycles(one.schedule, config, {});
        if (!counts.ok()) continue;
        EXPECT_GE(counts.value().cycles, candidate.least_cycles);
        crossed += candidate.mapping.at("family") == "tile per PE" && !candidate.mapping.at("cross").is_null();
      }
    }
  }
  EXPECT_GE(crossed, 2);
}

// Units that cross on arrays of several shapes: groups side by side that meet in a row or do not, lines of windows or of
// channels, channels and windows that are missing in the last round, chunks of the kernel.
TEST(ChooseOneTest, EveryCandidateThatCrossesIsProved) {
  Layer wide;
  wide.input = {1, 8, 1, 601};
  wide.output_channels = 11;
  wide.kernel = {1, 2};
  Layer high = wide;
  std::swap(high.input[2], high.input[3]);
  high.kernel = {2, 1};
  const Layer all[] = {GroupedLayer({1, 24, 9, 9}, 24, 3, 2, 1), GroupedLayer({2, 20, 6, 6}, 15, 5, 1, 1),
                       GroupedLayer({1, 3, 9, 60}, 20, 1, 2, 1), GroupedLayer({1, 26, 5, 5}, 14, 2, 1, 0),
                       GroupedLayer({1, 3, 40, 40}, 8, 1, 2, 0), wide, high};
  std::map<std::string, int> met;
  ForEachTileCandidate(all, true, met, [&](const HwConfig&, const Layer& layer, const ordered_json& mapping) {
    const auto& cross = mapping.at("cross");
    met["groups"] += cross.at("groups") > 1;
    ++met["lines of " + cross.at("lines").get<std::string>()];
    const auto& part = mapping.at("parts")[0];
    const int filters = part.at("filters").get<int>(), channels = layer.output_channels / layer.group;
    met["chunks in passes"] += part.at("chunks") > part.at("chunks_apart");
    met["chunks apart"] += part.at("chunks_apart") > 1;
    met["bands"] += part.at("bands") > 1;
    met["filters"] += filters > 1;
    met["filters missing"] += channels % filters != 0;
    met["channels missing"] += channels % (filters * cross.at("channels").get<int>()) != 0;
  });
  for (const char* kind : {"ecoflow_13x15", "ecoflow_4x4", "tests/data/7x3.json", "groups", "lines of channels",
                           "lines of windows", "chunks in passes", "chunks apart", "bands", "filters", "filters missing",
                           "channels missing"}) {
    EXPECT_GE(met[kind], 3) << kind;
  }
}

Layer DepthwiseLayer(int channels, int size, int kernel, int pad) {
  Layer layer;
  layer.input = {1, channels, size, size};
  layer.output_channels = layer.group = channels;
  layer.kernel = {kernel, kernel};
  layer.pads = {pad, pad, pad, pad};
  return layer;
}

// Blocks of tiles: passes that go on into each other (the last of a round missing or not), cropped or not, in bands, with
// parts of the summed channels apart, of more tiles than a controller has IDs.
TEST(ChooseOneTest, EveryCandidateOfBlocksIsProved) {
  Layer head = GroupedLayer({1, 8, 20, 20}, 1, 1, 1, 3);
  head.kernel = {7, 7};
  Layer wave = {.input = {2, 6, 1, 400}, .output_channels = 1, .kernel = {1, 9}, .pads = {0, 4, 0, 4}};
  Layer sparse = DepthwiseLayer(24, 30, 2, 0);  // windows that do not meet
  sparse.strides = {4, 4};
  Layer strided = DepthwiseLayer(20, 13, 11, 5);  // filter gradients: a kernel with dilation
  strided.strides = {2, 2};
  const Layer all[] = {DepthwiseLayer(40, 9, 7, 3), DepthwiseLayer(17, 10, 7, 3), DepthwiseLayer(2, 24, 5, 2), head, wave, sparse,
                       strided};
  std::map<std::string, int> met;
  ForEachTileCandidate(all, false, met, [&](const HwConfig& config, const Layer& layer, const ordered_json& mapping) {
    const auto& part = mapping.at("parts").back();
    const std::array<int64_t, 2> block = mapping.at("block");
    const int64_t blocks = config.rows / block[0] * (config.columns / block[1]), on = part.at("passes_on").get<int64_t>();
    met["on"] += on > 1;
    met["missing"] += on > 1 && part.at("units").get<int64_t>() % (blocks * on) != 0;
    met["on, cropped"] += on > 1 && part.at("crop") == true;
    met["cropped, strided"] += part.at("crop") == true && layer.strides[0] == 2;
    met["cropped, large blocks"] += part.at("crop") == true && block[0] > 2;
    met["on, channels summed"] += on > 1 && layer.group < layer.input[1];
    met["bands"] += part.at("bands") > 1;
    met["channels apart"] += part.at("red_parts") > 1;
    met["on, channels apart"] += part.at("red_parts") > 1 && on > 1;
    met["more tiles than IDs"] += std::max(block[0], block[1]) > config.ids_per_controller;
  });
  for (const char* kind : {"ecoflow_13x15", "ecoflow_4x4", "tests/data/7x3.json", "on", "missing", "on, cropped",
                           "cropped, strided", "cropped, large blocks",
                           "on, channels summed", "bands", "channels apart", "on, channels apart", "more tiles than IDs"}) {
    EXPECT_GE(met[kind], 2) << kind;
  }
}

int64_t CyclesOf(const Layer& layer, Pass pass) {
  return Choose(LoadHwConfig("ecoflow_13x15").value(), layer, pass, "auto").value().counts.cycles;
}

// A word of such a layer serves all that need it: without, PEs wait for words, or most of them stand idle.
TEST(ChooseOneTest, FilterGradientsOfFewChannelsAGroupAreFast) {
  // Bound by words: 47,040 at seven a cycle.
  EXPECT_LE(CyclesOf(GroupedLayer({1, 48, 28, 28}, 48, 6, 2, 1), Pass::kFilterGrad), 8500);
  // 25,984 at the roofline, of 14 x 14; the mapping of the best estimate takes 44,404 on networks that wait for each other.
  EXPECT_LE(CyclesOf(GroupedLayer({4, 116, 14, 14}, 116, 116, 1, 1), Pass::kFilterGrad), 31400);
}

// Few results that are summed over long maps: a PE holds those of several filters, and parts of the map lie side by side.
// More columns than a coordinate counts (40,000) where no border has to be told.
TEST(ChooseOneTest, FilterGradientsOfFewChannelsFillTheArray) {
  const Layer wave = {.input = {1, 32, 1, 3000}, .output_channels = 32, .kernel = {1, 2}};
  EXPECT_LE(CyclesOf(wave, Pass::kFilterGrad), 36500);
  const Layer wide = {.input = {1, 24, 1, 40000}, .output_channels = 24, .kernel = {1, 3}};
  EXPECT_LE(CyclesOf(wide, Pass::kFilterGrad), 365000);
  const Layer rgb = {.input = {1, 3, 96, 96}, .output_channels = 32, .kernel = {3, 3}, .strides = {2, 2}, .pads = {0, 0, 1, 1}};
  EXPECT_LE(CyclesOf(rgb, Pass::kFilterGrad), 16600);
}

// Borders of a kernel of 25 taps, cut by taps in two blocks of channels: 50 parts.
TEST(ChooseOneTest, SmallMapsWithWideBordersAreFast) {
  Layer layer = GroupedLayer({1, 832, 7, 7}, 128, 1, 1, 2);
  layer.kernel = {5, 5};
  EXPECT_LE(CyclesOf(layer, Pass::kInputGrad), 550000);
}

// Kernels of seven and nine rows on chains of twelve PEs: sets begin anywhere in the kernel and share input rows.
TEST(ChooseOneTest, TallKernelsFillTheChains) {
  Layer layer = GroupedLayer({1, 3, 28, 28}, 128, 1, 1, 3);
  layer.kernel = {7, 7};
  EXPECT_LE(CyclesOf(layer, Pass::kInputGrad), 88500);
  layer = GroupedLayer({1, 64, 56, 56}, 1, 1, 1, 4);
  layer.kernel = {9, 9};
  EXPECT_LE(CyclesOf(layer, Pass::kForward), 97600);
}

// 784 words of k for chains of 13: seven blocks of nine words a PE are 819, some of nine and some of eight 793.
TEST(ChooseOneTest, BlocksOfKOfTwoLengthsFillTheChains) {
  Layer layer;
  layer.input = {4, 116, 14, 14};
  layer.output_channels = 116;
  layer.kernel = {1, 1};
  const ChosenLayer chosen = Choose(ConfigOf("ecoflow_13x15"), layer, Pass::kFilterGrad, "auto").value();
  EXPECT_LE(chosen.counts.cycles, 58'000) << chosen.compiled.mapping.dump();  // 59,768 with blocks of one length
  EXPECT_GT(chosen.compiled.mapping["parts"][1]["first_k"], 0);
}

// Blocks of tiles whose last ones are behind the first: the next pass goes on meanwhile.
TEST(ChooseOneTest, LargeDepthwiseKernelsOnSmallMapsAreFast) {
  EXPECT_LE(CyclesOf(DepthwiseLayer(256, 14, 31, 15), Pass::kForward), 78300);
  EXPECT_LE(CyclesOf(DepthwiseLayer(256, 14, 31, 15), Pass::kFilterGrad), 185200);
}

// The phases of a stride of 32 are more summed channels than one loop of the PE counts (17 x 1024).
TEST(ChooseOneTest, ManySummedChannelsTakeTwoLoops) {
  const Layer layer = {.op = Op::kConvTranspose, .input = {1, 17, 8, 8}, .output_channels = 17, .kernel = {64, 64},
                       .strides = {32, 32}};
  EXPECT_LE(CyclesOf(layer, Pass::kInputGrad), 565000);
}

// A PE of five loops has none for them: the mapping is refused, and others run.
TEST(ChooseOneTest, ManySummedChannelsOnAnArrayOfFiveLoops) {
  HwConfig config = WithLatency(1);
  for (const int words : {14, 16}) {
    config.image_store_depth = words;
    const Layer layer = {.op = Op::kConvTranspose, .input = {1, 17, 2, 2}, .output_channels = 17, .kernel = {64, 64},
                         .strides = {32, 32}};
    const auto chosen = Choose(config, layer, Pass::kInputGrad, "auto");
    EXPECT_TRUE(chosen.ok()) << chosen.error().message;
  }
}

// The last layer of a vocoder: one result channel, so that an input element is sent once for all residues of the stride only
// where these are phases, shifted ones (kernel 16, stride 8, padding 4) or some with a tap of zeros (25, 4, 11).
TEST(ChooseOneTest, TransposedConvolutionsToOneChannelAreFast) {
  const Layer shifted = {.op = Op::kConvTranspose, .input = {1, 48, 1, 2000}, .output_channels = 1, .kernel = {1, 16},
                         .strides = {1, 8}, .pads = {0, 4, 0, 4}};
  EXPECT_LE(CyclesOf(shifted, Pass::kForward), 18700);
  const Layer filled = {.op = Op::kConvTranspose, .input = {1, 48, 1, 2000}, .output_channels = 1, .kernel = {1, 25},
                        .strides = {1, 4}, .pads = {0, 11, 0, 11}, .output_padding = {0, 1}};
  EXPECT_LE(CyclesOf(filled, Pass::kForward), 23200);
}

// More sums than the accumulator holds: blocks of result channels that are multiples of the columns (90 and 70, not 80 twice).
TEST(ChooseOneTest, BlocksOfResultChannelsFillTheColumns) {
  const Layer layer = {.input = {1, 160, 14, 14}, .output_channels = 104, .kernel = {3, 3}, .pads = {1, 1, 1, 1}};
  EXPECT_LE(CyclesOf(layer, Pass::kInputGrad), 142500);
}

// A dilated kernel over a small map: nine taps apart, in two halves of the channels, are 18 parts, whose image must not be
// longer than one may be. Without them zeros are multiplied.
TEST(ChooseOneTest, DilatedTransposedConvolutionsOfSmallMapsAreFast) {
  const Layer layer = {.op = Op::kConvTranspose, .input = {1, 96, 10, 10}, .output_channels = 144, .kernel = {3, 3},
                       .pads = {1, 1, 1, 1}, .dilations = {3, 3}};
  EXPECT_LE(CyclesOf(layer, Pass::kForward), 66000);
}

void ExpectAllProved(const HwConfig& config, const Layer& layer, Pass pass) {
  CompiledLayer one = BeginCompile(config, layer, pass, "auto", "cycles").value();
  const std::vector<Candidate> candidates = Candidates(one).value();
  for (const Candidate& candidate : candidates) {
    if (!MakeSchedule(candidate, config, one.schedule).ok()) continue;
    const Status proved = ProveCompiled(one);
    EXPECT_TRUE(proved.ok()) << candidate.mapping.dump() << proved.error().message;
  }
}

// The parts of a layer may differ in whether tiles crop the kernel's rows, which the set-up says once for all.
TEST(ChooseOneTest, PartsHaveOneSetup) {
  const HwConfig config = Array("16x1");
  Layer layer;
  layer.op = Op::kConvTranspose;
  layer.input = {1, 6, 22, 2};
  layer.output_channels = 12;
  layer.group = 6;
  layer.kernel = {5, 3};
  layer.pads = {0, 0, 1, 0};
  ExpectAllProved(config, layer, Pass::kForward);
}

// Words that flow on from pass to pass and their fillers are freed at once.
TEST(ChooseOneTest, FillersFitTheFile) {
  Layer layer;
  layer.input = {3, 9, 7, 7};
  layer.output_channels = 2;
  layer.kernel = {3, 3};
  layer.pads = {1, 3, 1, 3};
  ExpectAllProved(Array("small"), layer, Pass::kFilterGrad);
}

// Residues as result channels, summed channels, batch: strides that divide the kernel, on one axis or both, with
// padding, groups, images; residues of the other axis that are not alike.
TEST(ChooseOneTest, EveryCandidateWithPhasesIsProved) {
  struct Strided {
    std::array<int, 2> kernel, strides;
    std::array<int, 4> pads;
    int group, batch;
    bool depthwise = false;
  };
  const Strided all[] = {{{2, 2}, {2, 2}, {0, 0, 0, 0}, 1, 2}, {{4, 4}, {4, 4}, {0, 0, 0, 0}, 2, 1},
                         {{4, 4}, {2, 2}, {0, 0, 0, 0}, 1, 2}, {{4, 4}, {2, 2}, {2, 2, 2, 2}, 2, 2},
                         {{1, 6}, {1, 3}, {0, 0, 0, 3}, 1, 1}, {{3, 4}, {2, 2}, {1, 0, 0, 0}, 1, 2},
                         {{8, 8}, {4, 4}, {2, 2, 2, 2}, 1, 1}, {{7, 6}, {3, 3}, {0, 3, 1, 0}, 3, 1},
                         {{4, 4}, {2, 2}, {1, 1, 1, 1}, 1, 1}, {{1, 11}, {1, 4}, {0, 3, 0, 4}, 1, 2},
                         {{7, 1}, {4, 1}, {3, 0, 2, 0}, 3, 1},
                         {{4, 4}, {2, 2}, {0, 0, 0, 0}, 4, 1, true}, {{4, 6}, {4, 3}, {0, 3, 0, 0}, 5, 2, true}};
  std::map<std::string, int> met;
  for (const Strided& strided : all) {
    for (const Op op : {Op::kConv, Op::kConvTranspose}) {
      Layer layer;
      layer.op = op;
      const int large = op == Op::kConv ? 4 * strided.strides[0] : 4;
      layer.input = {strided.batch, (strided.depthwise ? 1 : 3) * strided.group, large + 1, large};
      layer.output_channels = (strided.depthwise ? 1 : 2) * strided.group;
      layer.group = strided.group;
      layer.kernel = strided.kernel;
      layer.strides = strided.strides;
      layer.pads = strided.pads;
      ASSERT_TRUE(CheckLayer(layer, "").ok()) << ToJsonText(layer);
      for (const Pass pass : kPasses) {
        const HwConfig config = WithLatency(pass == Pass::kForward ? 1 : 3);
        CompiledLayer one = BeginCompile(config, layer, pass, "auto", "cycles").value();
        const std::vector<Candidate> candidates = Candidates(one).value();
        for (const Candidate& candidate : candidates) {
          if (!candidate.mapping.contains("phases") || !MakeSchedule(candidate, config, one.schedule).ok()) continue;
          one.mapping = candidate.mapping;
          const Status proved = ProveCompiled(one);
          ASSERT_TRUE(proved.ok()) << ToJsonText(layer) << candidate.mapping.dump() << proved.error().message;
          const auto counts = PredictCycles(one.schedule, config, {});
          ASSERT_TRUE(counts.ok()) << ToJsonText(layer) << candidate.mapping.dump() << counts.error().message;
          ++met[candidate.mapping.at("phases_of").get<std::string>() + ", " +
                candidate.mapping.at("family").get<std::string>()];
          met["parts that cross"] += candidate.mapping.at("family") == "tile per PE" &&
                                     candidate.mapping.at("parts").size() > 1 && !candidate.mapping.at("cross").is_null();
        }
      }
    }
  }
  for (const char* of : {"result channels, matrix product", "result channels, row-stationary",
                         "result channels, results per PE", "result channels, tile per PE",
                         "result channels, plane per PE", "summed channels, row-stationary",
                         "summed channels, results per PE", "summed channels, tile per PE", "batch, row-stationary",
                         "batch, results per PE", "batch, tile per PE", "parts that cross"}) {
    EXPECT_GE(met[of], 3) << of;
  }
}

// A candidate whose words never come.
Candidate Stuck(const Candidate& good) {
  Candidate stuck = good;
  stuck.cost = {};
  stuck.mapping["stuck"] = true;
  stuck.schedule = [good]() -> Result<Schedule> {
    ECO_ASSIGN(Schedule schedule, good.schedule());
    schedule.wide.clear();
    schedule.narrow.clear();
    return schedule;
  };
  return stuck;
}

TEST(ChooseOneTest, WhatLocksUpIsNotTaken) {
  const HwConfig config = WithLatency(1);
  const CompiledLayer wanted =
      BeginCompile(config, SmallLayer(), Pass::kForward, "ecoflow", "cycles").value();
  const std::vector<Candidate> good = Candidates(wanted).value();
  const auto chosen = ChooseAmong(wanted, {Stuck(good[0]), good[0]});
  ASSERT_TRUE(chosen.ok()) << chosen.error().message;
  EXPECT_FALSE(chosen.value().compiled.schedule.wide.empty());

  const auto none = ChooseAmong(wanted, {Stuck(good[0])});
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ExitCode::kBadInput);
  EXPECT_NE(none.error().message.find("nothing moved"), std::string::npos) << none.error().message;
}

TEST(ChooseOneTest, ARunThatTakesTooLongIsGivenUp) {
  const HwConfig config = WithLatency(1);
  const ChosenLayer chosen = Choose(config, SmallLayer(), Pass::kForward, "auto").value();
  CycleModelOptions options;
  options.most_cycles = chosen.counts.cycles - 1;
  EXPECT_FALSE(PredictCycles(chosen.compiled.schedule, config, options).value().complete);
  options.most_cycles = chosen.counts.cycles;
  EXPECT_TRUE(PredictCycles(chosen.compiled.schedule, config, options).value().complete);

  options.most_work = chosen.counts.work / 2;
  const CycleCounts half = PredictCycles(chosen.compiled.schedule, config, options).value();
  EXPECT_FALSE(half.complete);
  EXPECT_GE(half.work, options.most_work);
  EXPECT_LT(half.work, chosen.counts.work);
  options.most_work = chosen.counts.work + 1;
  EXPECT_TRUE(PredictCycles(chosen.compiled.schedule, config, options).value().complete);
}

// The parts of this mapping differ in words for a product: by the words it would look twice as long as it is, and not worth
// more than its first run.
TEST(ChooseOneTest, PartsThatTakeMoreWordsDoNotMislead) {
  Layer layer;
  layer.input = {1, 128, 56, 56};
  layer.output_channels = layer.group = 128;
  layer.kernel = {31, 31};
  layer.pads = {15, 15, 15, 15};
  const ChosenLayer chosen = Choose(LoadHwConfig("ecoflow_13x15").value(), layer, Pass::kFilterGrad, "auto").value();
  EXPECT_LE(chosen.counts.cycles, 2'060'000);  // roofline 1,469,057
}

// Tiles of this filter gradient repeat nothing that the model could skip: 9 million cycles each, more than 50 million in all,
// for 0.1 % at best.
TEST(ChooseOneTest, RunsThatTakeTheModelLongHaveToPay) {
  const HwConfig config = LoadHwConfig("ecoflow_13x15").value();
  Layer layer;
  layer.input = {1, 64, 154, 154};
  layer.output_channels = 128;
  layer.kernel = {3, 3};
  const ChosenLayer chosen = Choose(config, layer, Pass::kFilterGrad, "auto").value();
  EXPECT_LT(chosen.work, 8'000'000);
  EXPECT_LE(chosen.counts.cycles, 8'900'000);  // roofline 8,871,936
}

}  // namespace
}  // namespace ecoflow
