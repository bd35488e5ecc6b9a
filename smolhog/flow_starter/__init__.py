"""The flow that `smolhog flow new` copies: a flow like any other, which is tested as it stands."""
