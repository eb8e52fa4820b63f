{
  'targets': [{
    'target_name': 'whetstone_native',
    'sources': ['addon.cpp'],
    'defines': ['NAPI_VERSION=8'],
    'cflags_cc': ['-std=c++17', '-Wall', '-Wextra'],
    'libraries': ['-ldl'],
  }],
}
