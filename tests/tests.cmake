# SPDX-License-Identifier: Apache-2.0
# Tests by label: unit (fast), rtl (builds small Verilated models), e2e (the program as a user
# calls it, random layers), long (left out by scripts/test.sh).
find_package(GTest REQUIRED)
include(GoogleTest)
set(ECOFLOW_TEST_SECONDS 900)
if(ECOFLOW_SANITIZE OR ECOFLOW_FUZZ)
  set(ECOFLOW_TEST_SECONDS 5400)
endif()

function(eco_gtest label)
  cmake_parse_arguments(T "" "NAME" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${T_NAME} ${T_SOURCES})
  target_link_libraries(${T_NAME} PRIVATE ${T_LIBRARIES} GTest::gtest_main)
  add_test(NAME ${T_NAME} COMMAND ${T_NAME})
  set_tests_properties(${T_NAME} PROPERTIES LABELS ${label} TIMEOUT ${ECOFLOW_TEST_SECONDS})
endfunction()

eco_gtest(unit NAME base_test LIBRARIES eco_base SOURCES
  tests/base/files_test.cc tests/base/json_schema_test.cc tests/base/licence_test.cc tests/base/numbers_test.cc tests/base/text_test.cc)
eco_gtest(unit NAME isa_test LIBRARIES eco_isa SOURCES tests/isa/image_test.cc)
eco_gtest(unit NAME config_test LIBRARIES eco_config SOURCES tests/gen/hw_config_test.cc)
eco_gtest(unit NAME handoff_test LIBRARIES eco_gen SOURCES tests/gen/handoff_test.cc)
eco_gtest(unit NAME compiler_test LIBRARIES eco_compiler SOURCES
  tests/compiler/dilated_example_test.cc tests/compiler/direct_test.cc tests/compiler/layer_test.cc tests/compiler/program_test.cc tests/compiler/proof_test.cc
  tests/compiler/stream_test.cc tests/compiler/widths_test.cc tests/compiler/worked_example_test.cc)
eco_gtest(unit NAME tb_test LIBRARIES eco_tb dnnl SOURCES
  tests/tb/golden_test.cc tests/tb/model_cache_test.cc tests/tb/npy_test.cc)
eco_gtest(unit NAME model_test LIBRARIES eco_tb eco_model SOURCES
  tests/e2e/random_layers.cc tests/model/model_test.cc tests/model/objective_test.cc)
eco_gtest(unit NAME compute_test LIBRARIES eco_tb SOURCES
  tests/e2e/random_layers.cc tests/compiler/compute_test.cc)
eco_gtest(e2e NAME random_layers_test LIBRARIES eco_choose SOURCES
  tests/e2e/random_layers.cc tests/e2e/random_layers_test.cc)
eco_gtest(unit NAME choose_test LIBRARIES eco_choose SOURCES
  tests/choose/choose_test.cc tests/e2e/random_layers.cc)
eco_gtest(unit NAME report_test LIBRARIES eco_report SOURCES
  tests/report/check_test.cc tests/report/kinds_test.cc tests/report/report_test.cc tests/report/summary_test.cc)
eco_gtest(unit NAME area_test LIBRARIES eco_area SOURCES tests/area/area_test.cc)
eco_gtest(rtl NAME emit_test LIBRARIES eco_gen SOURCES tests/gen/emit_test.cc)
# Large arrays that differ little from those of every run.
set_property(TEST emit_test APPEND PROPERTY ENVIRONMENT GTEST_FILTER=-Large/*)
add_test(NAME emit_test_large COMMAND emit_test --gtest_filter=Large/*)
set_tests_properties(emit_test_large PROPERTIES LABELS long TIMEOUT 1500)
eco_gtest(rtl NAME lint_grid_test LIBRARIES eco_gen SOURCES tests/gen/lint_grid_test.cc)
set_tests_properties(lint_grid_test PROPERTIES TIMEOUT 1800)
eco_gtest(rtl NAME array_test LIBRARIES eco_tb SOURCES tests/tb/array_test.cc)
eco_gtest(rtl NAME deep_files_test LIBRARIES eco_tb SOURCES tests/tb/deep_files_test.cc)
# Waveforms are read by the reader that comes with Verilator.
find_package(ZLIB REQUIRED)
execute_process(COMMAND verilator --getenv VERILATOR_ROOT OUTPUT_VARIABLE VERILATOR_ROOT
  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
eco_gtest(e2e NAME cli_test LIBRARIES eco_tb ZLIB::ZLIB SOURCES tests/e2e/cli_test.cc tests/e2e/fst_reader.cc)
target_include_directories(cli_test SYSTEM PRIVATE ${VERILATOR_ROOT}/include)
set_source_files_properties(tests/e2e/fst_reader.cc PROPERTIES COMPILE_OPTIONS "-w;-fpermissive;-fno-sanitize=all")
target_compile_definitions(cli_test PRIVATE ECOFLOW_BINARY="$<TARGET_FILE:ecoflow>" ECOFLOW_VERSION="${PROJECT_VERSION}")
add_dependencies(cli_test ecoflow)

# The arithmetic of a number format against the host's; also every product, every conversion, by options.
find_package(verilator REQUIRED HINTS ${VERILATOR_ROOT})
function(eco_arith_test format)
  file(GLOB modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/rtl/arith/${format}/*.sv)
  add_library(arith_${format}_rtl STATIC)
  target_compile_options(arith_${format}_rtl PRIVATE -w)
  foreach(variants 1 5)  # one is faster, for all products
    verilate(arith_${format}_rtl PREFIX Varith_${format}_${variants} TOP_MODULE arith_${format}
      SOURCES tests/arith/arith_${format}.sv ${modules}
      VERILATOR_ARGS -O3 -Wno-lint -GVariants=${variants} OPT_FAST -O3)
  endforeach()
  target_include_directories(arith_${format}_rtl SYSTEM INTERFACE ${VERILATOR_ROOT}/include)
  add_executable(arith_${format} tests/arith/arith_${format}.cc)
  target_link_libraries(arith_${format} PRIVATE arith_${format}_rtl eco_base CLI11::CLI11)
  add_test(NAME arith_${format} COMMAND arith_${format})
  set_tests_properties(arith_${format} PROPERTIES LABELS rtl TIMEOUT 900)
endfunction()
eco_arith_test(bf16)

# Random layers of every op, pass and dataflow, without stalls (every counter of every PE that of the cycle model) and
# with random ones; the whole regression is scripts/regression.sh. RTL assertions are on, but with PLAIN. The second run
# waits until the first one has built the array's model.
function(eco_sweep label config count)
  cmake_path(GET config STEM name)
  foreach(how --predict "--stall;0.3")
    set(values)
    set(assertions --assert)
    if(PLAIN IN_LIST ARGN)
      set(assertions)
    endif()
    if(name MATCHES bf16 AND how MATCHES stall)
      set(values --values special)
    endif()
    string(REGEX REPLACE "[-;]+" "_" test "sweep_${name}${how}")
    add_test(NAME ${test} COMMAND sweep ${assertions} --config ${config} --count ${count} ${how} ${values})
    set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 1500 RESOURCE_LOCK model_${name})
    if(name MATCHES "1[236]x1[456]")
      set_tests_properties(${test} PROPERTIES COST 100)
    endif()
  endforeach()
endfunction()
eco_sweep(e2e ecoflow_4x4 80)
eco_sweep(e2e ecoflow_13x15 5)
# Layers that an array of this size needs: in the quota that random_layers_test asks for.
set_tests_properties(sweep_ecoflow_13x15_predict sweep_ecoflow_13x15_stall_0.3 PROPERTIES
  PASS_REGULAR_EXPRESSION "passes: >=3 in ([3-9][0-9]|100) %, several parts ([1-9][0-9]|100) %"
  FAIL_REGULAR_EXPRESSION "FAILED|REFUSED")
foreach(array 1x1 1x16 16x1 7x3 small ids1_narrow ids2 ids8_wide wide_buses 4x4_latency3)
  eco_sweep(e2e ${CMAKE_SOURCE_DIR}/tests/data/${array}.json 15)
endforeach()
eco_sweep(long ${CMAKE_SOURCE_DIR}/tests/data/4x4_latency2.json 15)
eco_sweep(long ${CMAKE_SOURCE_DIR}/tests/data/4x4_latency4.json 15)
eco_sweep(long eyeriss_12x14 5)
eco_sweep(long ${CMAKE_SOURCE_DIR}/tests/data/16x16.json 10)
eco_sweep(long ${CMAKE_SOURCE_DIR}/tests/data/13x15_latency3.json 10)
# bf16: values whose sums are rounded; with stalls zeros of both signs, subnormals, infinite ones, NaN as well.
eco_sweep(e2e ecoflow_4x4_bf16 30)
eco_sweep(e2e ecoflow_13x15_bf16 2 PLAIN)  # the model that train_digits runs
foreach(array 7x3_bf16 16x1_bf16 small_bf16)
  eco_sweep(e2e ${CMAKE_SOURCE_DIR}/tests/data/${array}.json 20)
endforeach()
eco_sweep(long eyeriss_12x14_bf16 10)
add_test(NAME sweep_integers COMMAND sweep --assert --values integers --config ecoflow_4x4_bf16 --count 20 --stall 0.3)
set_tests_properties(sweep_integers PROPERTIES LABELS e2e TIMEOUT 1500 RESOURCE_LOCK model_ecoflow_4x4_bf16
  PASS_REGULAR_EXPRESSION "largest error: 0 of its bound" FAIL_REGULAR_EXPRESSION "FAILED|REFUSED")

# scripts/sanitize.py runs this one, and not the long ones.
if(ECOFLOW_SANITIZE OR ECOFLOW_FUZZ)
  add_test(NAME sweep_sanitized COMMAND sweep --predict --config ecoflow_4x4 --count 2)
endif()

# Counters that wrap in some layers: the run reports it where the model does, and nowhere else.
add_test(NAME predict_counters10
  COMMAND sweep --predict --config ${CMAKE_SOURCE_DIR}/tests/data/counters10.json --count 10)
set_tests_properties(predict_counters10 PROPERTIES LABELS e2e TIMEOUT 1500
  PASS_REGULAR_EXPRESSION "errors that the model foretold: [1-9]" FAIL_REGULAR_EXPRESSION "FAILED|REFUSED")

# Strips whose kernel rows are done residue by residue, and channels left over: layers that are large enough.
foreach(layer AlexNet_CONV1 ShuffleNet_CONV2)
  add_test(NAME run_${layer}_latency3 COMMAND ecoflow run ${CMAKE_SOURCE_DIR}/workloads/paper_table5.json
    --layer ${layer} --pass input-grad --batch 1 --config ecoflow_13x15_bf16)
  set_tests_properties(run_${layer}_latency3 PROPERTIES LABELS e2e TIMEOUT 1500 RESOURCE_LOCK model_ecoflow_13x15_bf16)
endforeach()

# Strips whose label columns, shifts or filters take turns beside the channels: an adder of four cycles, few channels.
add_test(NAME run_few_channels COMMAND ${CMAKE_SOURCE_DIR}/scripts/rtl_sample.py --workload tests/data/few_channels.json --rows 27
  --config ${CMAKE_SOURCE_DIR}/tests/data/4x4_latency4.json --dataflow ecoflow)
set_tests_properties(run_few_channels PROPERTIES LABELS e2e TIMEOUT 1500 RESOURCE_LOCK model_4x4_latency4
  PASS_REGULAR_EXPRESSION "27 of 27 rows equal")

# Few strips wrap round (transposed, circular): among these some do.
add_test(NAME predict_strips COMMAND sweep --predict --config ecoflow_4x4 --first 3000 --count 300
  --max-macs 2500 --dataflow ecoflow --op Conv --pass input-grad)
set_tests_properties(predict_strips PROPERTIES LABELS e2e TIMEOUT 600)

# Short parts of scripts/signoff.sh.
foreach(name proofs icarus icarus_bf16 netlists)
  set(program ${name})
  set(options)
  if(name STREQUAL proofs)
    set(program prove)
    set(options --planted 1)
  elseif(name STREQUAL icarus_bf16)
    set(program icarus)
    set(options --config ${CMAKE_SOURCE_DIR}/tests/data/small_bf16.json --max-macs 200)
  elseif(name STREQUAL netlists)
    set(options --library generic --target eco_multicast_ctrl --target eco_xbus)
  endif()
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/scripts/${program}.py ${options})
  set_tests_properties(${name} PROPERTIES LABELS rtl TIMEOUT 1500 COST 50)
endforeach()
set_tests_properties(proofs PROPERTIES COST 300)

# Every gate of the array, of both number formats.
foreach(array gates small_bf16)
  add_test(NAME netlists_${array} COMMAND ${CMAKE_SOURCE_DIR}/scripts/netlists.py --config ${CMAKE_SOURCE_DIR}/tests/data/${array}.json
    --library generic --target array --count 1)
  set_tests_properties(netlists_${array} PROPERTIES LABELS long TIMEOUT 1500)
endforeach()

add_test(NAME onnx_cases COMMAND ${CMAKE_SOURCE_DIR}/tests/conformance/onnx_cases.py)
set_tests_properties(onnx_cases PROPERTIES LABELS e2e TIMEOUT 600)

foreach(config ecoflow_4x4 ecoflow_4x4_bf16)
  add_test(NAME pytorch_check_${config} COMMAND ${CMAKE_SOURCE_DIR}/examples/pytorch_check.py --config ${config})
  set_tests_properties(pytorch_check_${config} PROPERTIES LABELS e2e TIMEOUT 600)
endforeach()

# Input elements that no product reaches.
add_test(NAME pytorch_check_gaps COMMAND ${CMAKE_SOURCE_DIR}/examples/pytorch_check.py --config ecoflow_4x4_bf16
  --size 7 --batch 1 --channels 2 --filters 3 --kernel 2 --stride 3 --padding 0)
set_tests_properties(pytorch_check_gaps PROPERTIES LABELS e2e TIMEOUT 600)

# Training with every convolution on the RTL: a few steps; a whole training with the label long,
# which scripts/test.sh leaves out.
add_test(NAME train_digits COMMAND ${CMAKE_SOURCE_DIR}/examples/train_digits.py --steps 5)
set_tests_properties(train_digits PROPERTIES LABELS e2e TIMEOUT 900 COST 100 RESOURCE_LOCK model_ecoflow_13x15_bf16)
add_test(NAME gan_step COMMAND ${CMAKE_SOURCE_DIR}/examples/gan_step.py --config ecoflow_4x4_bf16)
set_tests_properties(gan_step PROPERTIES LABELS e2e TIMEOUT 600)
add_test(NAME train_digits_whole COMMAND ${CMAKE_SOURCE_DIR}/examples/train_digits.py)
add_test(NAME train_fashion COMMAND ${CMAKE_SOURCE_DIR}/examples/train_digits.py --data fashion --functional)
set_tests_properties(train_digits_whole train_fashion PROPERTIES LABELS long TIMEOUT 3600)

if(NOT ECOFLOW_FUZZ)
  include(tests/fuzz/fuzz.cmake)
endif()

find_package(benchmark REQUIRED)
add_executable(sim_speed tests/bench/sim_speed.cc)
target_link_libraries(sim_speed PRIVATE eco_tb benchmark::benchmark)
add_executable(model_speed tests/bench/model_speed.cc)
target_link_libraries(model_speed PRIVATE eco_tb eco_model CLI11::CLI11)

add_test(NAME area_command
  COMMAND ecoflow area --config ecoflow_4x4 --json ${CMAKE_BINARY_DIR}/area_4x4.json)
set_tests_properties(area_command PROPERTIES LABELS rtl TIMEOUT 600 PASS_REGULAR_EXPRESSION "paper, Sec. 4.4")

# Cycles of the paper's rows: none slower than the table says, roofline fractions above their targets.
add_executable(performance_gate tests/report/performance_gate.cc)
target_link_libraries(performance_gate PRIVATE eco_report CLI11::CLI11)
target_compile_definitions(performance_gate PRIVATE ECOFLOW_SOURCE_ROOT="${CMAKE_SOURCE_DIR}")
function(eco_performance label config dataflow)  # and options
  string(REGEX REPLACE "[-;]+" "_" test "performance_${config}_${dataflow};${ARGN}")
  string(REGEX REPLACE "_$" "" test ${test})
  add_test(NAME ${test} COMMAND performance_gate --config ${config} --dataflow ${dataflow} ${ARGN})
  set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 900 COST 100)
endfunction()
eco_performance(e2e ecoflow_13x15 auto)
eco_performance(e2e ecoflow_13x15 ecoflow)
eco_performance(e2e ecoflow_13x15_bf16 auto --every 4)
eco_performance(long ecoflow_13x15_bf16 auto)
eco_performance(long ecoflow_13x15_bf16 ecoflow)
foreach(config 13x15_latency2 13x15_latency3 13x15_latency4)
  eco_performance(long ${config} auto)
  eco_performance(long ${config} ecoflow)
endforeach()

# rtl/eco_pkg.sv and docs/isa.md are what isa/ says.
add_test(NAME isa_files COMMAND isa_files --check)
set_tests_properties(isa_files PROPERTIES LABELS unit)

# Every port and parameter has its comment, and docs/modules.md is made of them.
add_test(NAME module_docs COMMAND ${CMAKE_SOURCE_DIR}/scripts/module_docs.py --check)
set_tests_properties(module_docs PROPERTIES LABELS unit)

# The area study on a small array with one abc script.
add_test(NAME area_study
  COMMAND ${CMAKE_SOURCE_DIR}/scripts/area_study.py --config ecoflow_4x4 --scripts yosys
          --markdown ${CMAKE_BINARY_DIR}/area_4x4.md --svg ${CMAKE_BINARY_DIR}/area_4x4.svg)
set_tests_properties(area_study PROPERTIES LABELS rtl TIMEOUT 600 PASS_REGULAR_EXPRESSION "paper, Sec. 4.4")

# Checks of scripts/signoff.sh, or short parts of them: ctest -L signoff.
set_property(TEST emit_test lint_grid_test handoff_test array_test proofs icarus netlists area_study isa_files module_docs
  APPEND PROPERTY LABELS signoff)
