# SPDX-License-Identifier: Apache-2.0
# Every file that the program reads as a fuzz target: with ECOFLOW_FUZZ NAME_fuzz for libFuzzer, with
# ECOFLOW_TESTS the corpus as an ordinary test, NAME_corpus.
function(eco_fuzz name library)
  set(sources tests/fuzz/${name}_fuzz.cc tests/fuzz/fuzz_main.cc)
  if(ECOFLOW_FUZZ)
    add_executable(${name}_fuzz ${sources})
    target_compile_definitions(${name}_fuzz PRIVATE ECOFLOW_LIBFUZZER)
    target_link_libraries(${name}_fuzz PRIVATE ${library} -fsanitize=fuzzer)
  endif()
  if(ECOFLOW_TESTS)
    add_executable(${name}_corpus ${sources})
    target_link_libraries(${name}_corpus PRIVATE ${library})
    add_test(NAME fuzz_${name}_corpus
      COMMAND ${name}_corpus ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_${name}_corpus PROPERTIES LABELS unit TIMEOUT 120)
  endif()
endfunction()
eco_fuzz(hw_config eco_config)
eco_fuzz(image eco_compiler)
eco_fuzz(layer eco_layer)
eco_fuzz(liberty eco_area)
eco_fuzz(npy eco_npy)
