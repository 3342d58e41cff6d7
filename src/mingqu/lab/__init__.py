"""An analyst's door (the optional extra `lab`): train a points card. Nothing at run time imports it."""
